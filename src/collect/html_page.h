#pragma once

#include <gumbo.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace ocelli {

// Hostile pages are stopped by these while they are parsed: nesting without
// end, tags with a million attributes, elements that multiply.
struct HtmlLimits {
  std::size_t max_bytes = 32 << 20;   // Of the text.
  std::size_t max_memory = 1u << 30;  // Of what it is parsed into.
  std::chrono::milliseconds max_time{20'000};
  const Clock* clock = &SystemClock();
  std::stop_token stop;
};

// A web page as browsers read it. Nodes live as long as the page, and may be
// nested to any depth: walk them with NextNode(), never by recursion.
class HtmlPage {
 public:
  // What is not UTF-8 is taken for Latin-1. kResourceExhausted over a limit,
  // kCancelled.
  static Result<HtmlPage> Parse(std::string text, const HtmlLimits& limits);
  ~HtmlPage();
  HtmlPage(HtmlPage&&) noexcept;
  HtmlPage& operator=(HtmlPage&&) = delete;

  const GumboNode* root() const;

 private:
  struct Tree;
  explicit HtmlPage(std::unique_ptr<Tree> tree);
  std::unique_ptr<Tree> tree_;
};

// The node after `node` in the order of the page, within what lies below
// `top`; null at the end. `enter` false: not what lies below `node`.
const GumboNode* NextNode(const GumboNode* node, const GumboNode* top,
                          bool enter = true);

bool IsElement(const GumboNode* node, GumboTag tag);

// Empty where the element has no such attribute.
std::string_view Attribute(const GumboNode* element, const char* name);

// What a reader sees as the text below `node`, blanks run together: without
// tables, scripts, footnote marks and what is not displayed.
std::string VisibleText(const GumboNode* node);

// `text`, if it is UTF-8; else each byte as the Latin-1 character it is.
std::string ToUtf8(std::string text);

}  // namespace ocelli
