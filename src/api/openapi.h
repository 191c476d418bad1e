#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/rest_routes.h"

namespace ocelli {

// An OpenAPI 3.1 description of the routes, as JSON over several lines: the
// same bytes for the same routes.
std::string OpenApiJson(const std::vector<RestRoute>& routes,
                        std::string_view version);

}  // namespace ocelli
