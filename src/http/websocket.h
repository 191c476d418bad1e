#pragma once

#include <memory>
#include <string>

#include "http/http_message.h"
#include "http/lane.h"
#include "http/transport.h"

namespace ocelli {

// Takes a connection over whose client asked with `head` for a WebSocket, and
// sent `early` since. On the lane's thread. Handlers run on workers, one call
// after the other; while one does, nothing is read.
void StartWebSocket(ServerParts& parts, Lane& lane,
                    std::unique_ptr<Transport> transport, ConnectionSlot slot,
                    const HttpHead& head, std::string early,
                    std::unique_ptr<WebSocketHandler> handler);

}  // namespace ocelli
