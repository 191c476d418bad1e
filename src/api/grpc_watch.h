#pragma once

#include "api/message_stream.h"
#include "core/clock.h"
#include "live/live_board.h"

namespace ocelli {

// Live.WatchLive: the frames of a followed video until it is stopped. Waits on
// this thread; frames that come while a slow client is written to are skipped.
Result<> ServeWatch(MessageStream& messages, LiveBoard& board,
                    const Clock& clock);

}  // namespace ocelli
