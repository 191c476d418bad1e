#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "http/http_message.h"

namespace ocelli {

// Whether a request may come from where it says. Browsers can be made to send
// requests to a service on loopback: by pages of other sites (Origin,
// Sec-Fetch-Site) and through names that suddenly lead here (Host). Other
// programs say none of this but Host. `hosts`: names and addresses of the
// service besides those of loopback, without port. `is_page`: following a link
// to it is harmless. kPermissionDenied.
Result<> CheckOrigin(const HttpHead& head,
                     const std::vector<std::string>& hosts, bool is_page);

// Of a Host field: "127.0.0.1:8080", "[::1]", "localhost"; in lower case,
// without the port and the brackets. Empty: it is none.
std::string HostWithoutPort(std::string_view host);

// "localhost", names below it, and the addresses of this machine.
bool IsLoopbackHost(std::string_view host);

}  // namespace ocelli
