#pragma once

#include "cache/result_cache.h"
#include "recognize/job_worker.h"
#include "recognize/recognizer.h"
#include "recognize/referenced_images.h"

namespace ocelli {

// Jobs whose answer is the serialised Analysis of their image. `recognizer`
// uses `cache` (null: none); all of them outlive the work.
JobWork RecognitionWork(Recognizer& recognizer, ResultCache* cache,
                        ReferencedImages& images);

}  // namespace ocelli
