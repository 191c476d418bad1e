#include "collect/html_page.h"

#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace ocelli {
namespace {

// In front of each piece of memory that the parser holds.
struct alignas(std::max_align_t) Block {
  Block* previous;
  Block* next;
  std::size_t size;
};

enum class Ending { kWhole, kTooLarge, kTooSlow, kStopped };

}  // namespace

// Gumbo takes any time and memory, has no way to end it, and frees its tree by
// recursion. So its memory is ours: each allocation checks the limits and
// leaves the parser by longjmp, and all of it is freed at once.
struct HtmlPage::Tree {
  Tree(std::string page, const HtmlLimits& wanted)
      : text(std::move(page)),
        limits(wanted),
        deadline(wanted.clock->MonotonicTime() + wanted.max_time) {
    blocks.previous = blocks.next = &blocks;
  }
  ~Tree() {
    for (Block* block = blocks.next; block != &blocks;) {
      std::free(std::exchange(block, block->next));
    }
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  static void* Allocate(void* user, std::size_t size);
  static void Free(void* user, void* memory);
  // Returns when the parser ends or is left.
  Ending Parse();

  const std::string text;
  const HtmlLimits limits;
  const std::chrono::steady_clock::time_point deadline;
  Block blocks{};  // The head of a ring of all.
  std::size_t held = 0;
  GumboOutput* output = nullptr;
  std::jmp_buf leave;
  Ending ending = Ending::kWhole;
};

void* HtmlPage::Tree::Allocate(void* user, std::size_t size) {
  auto& tree = *static_cast<Tree*>(user);
  Ending ending = Ending::kWhole;
  if (size > tree.limits.max_memory - tree.held) {
    ending = Ending::kTooLarge;
  } else if (tree.limits.clock->MonotonicTime() > tree.deadline) {
    ending = Ending::kTooSlow;
  } else if (tree.limits.stop.stop_requested()) {
    ending = Ending::kStopped;
  }
  void* memory = nullptr;
  if (ending == Ending::kWhole) {
    memory = std::malloc(sizeof(Block) + size);
    if (!memory) ending = Ending::kTooLarge;
  }
  if (!memory) {
    tree.ending = ending;
    std::longjmp(tree.leave, 1);
  }
  auto* block = new (memory) Block{&tree.blocks, tree.blocks.next, size};
  block->next->previous = block;
  tree.blocks.next = block;
  tree.held += size;
  return block + 1;
}

void HtmlPage::Tree::Free(void* user, void* memory) {
  if (!memory) return;
  Block* const block = static_cast<Block*>(memory) - 1;
  block->previous->next = block->next;
  block->next->previous = block->previous;
  static_cast<Tree*>(user)->held -= block->size;
  std::free(block);
}

Ending HtmlPage::Tree::Parse() {
  GumboOptions options = kGumboDefaultOptions;
  options.allocator = Allocate;
  options.deallocator = Free;
  options.userdata = this;
  options.max_errors = 0;
  if (setjmp(leave) == 0) {
    output = gumbo_parse_with_options(&options, text.data(), text.size());
  }
  return ending;
}

Result<HtmlPage> HtmlPage::Parse(std::string text, const HtmlLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return Fail(ErrorCode::kResourceExhausted,
                "the page has more than " + std::to_string(limits.max_bytes) +
                    " bytes");
  }
  auto tree = std::make_unique<Tree>(ToUtf8(std::move(text)), limits);
  switch (tree->Parse()) {
    case Ending::kWhole:
      return HtmlPage(std::move(tree));
    case Ending::kTooLarge:
      return Fail(ErrorCode::kResourceExhausted,
                  "the page needs more than " +
                      std::to_string(limits.max_memory >> 20) +
                      " MiB of memory");
    case Ending::kTooSlow:
      return Fail(ErrorCode::kResourceExhausted,
                  "the page takes more than " +
                      std::to_string(limits.max_time.count() / 1000) +
                      " s to parse");
    case Ending::kStopped:
      break;
  }
  return Fail(ErrorCode::kCancelled, "stopped while parsing the page");
}

HtmlPage::HtmlPage(std::unique_ptr<Tree> tree) : tree_(std::move(tree)) {}
HtmlPage::~HtmlPage() = default;
HtmlPage::HtmlPage(HtmlPage&&) noexcept = default;

const GumboNode* HtmlPage::root() const { return tree_->output->root; }

const GumboNode* NextNode(const GumboNode* node, const GumboNode* top,
                          bool enter) {
  const bool parent =
      node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
  if (enter && parent && node->v.element.children.length > 0) {
    return static_cast<const GumboNode*>(node->v.element.children.data[0]);
  }
  for (; node != top; node = node->parent) {
    const GumboVector& siblings = node->parent->v.element.children;
    const std::size_t next = node->index_within_parent + 1;
    if (next < siblings.length) {
      return static_cast<const GumboNode*>(siblings.data[next]);
    }
  }
  return nullptr;
}

bool IsElement(const GumboNode* node, GumboTag tag) {
  return node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == tag;
}

std::string_view Attribute(const GumboNode* element, const char* name) {
  const GumboAttribute* attribute =
      gumbo_get_attribute(&element->v.element.attributes, name);
  return attribute ? attribute->value : std::string_view();
}

namespace {

bool IsHidden(const GumboNode* element) {
  switch (element->v.element.tag) {
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
      return true;
    case GUMBO_TAG_SUP:
      if (Attribute(element, "class").find("reference") !=
          std::string_view::npos) {
        return true;
      }
      break;
    default:
      break;
  }
  std::string style;
  for (const char c : Attribute(element, "style")) {
    if (c != ' ') style += c;
  }
  return style.find("display:none") != style.npos ||
         gumbo_get_attribute(&element->v.element.attributes, "hidden");
}

bool BreaksLine(const GumboNode* element) {
  switch (element->v.element.tag) {
    case GUMBO_TAG_BR:
    case GUMBO_TAG_P:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_LI:
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
    case GUMBO_TAG_TR:
      return true;
    default:
      return false;
  }
}

// Length of the UTF-8 character at `at`; 0 where there is none (RFC 3629).
std::size_t CharacterLength(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0   ? 4
                             : lead >= 0xE0 ? 3
                             : lead >= 0xC2 ? 2
                                            : 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong =
      (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
  const bool outside = (lead == 0xED && byte(1) > 0x9F) || lead > 0xF4 ||
                       (lead == 0xF4 && byte(1) > 0x8F);
  return overlong || outside ? 0 : length;
}

}  // namespace

std::string VisibleText(const GumboNode* node) {
  constexpr std::string_view kNoBreakSpace = "\u00a0";
  std::string text;
  bool blank = false;
  const auto append = [&](std::string_view part) {
    while (!part.empty()) {
      const bool wide = part.starts_with(kNoBreakSpace);
      const char c = part[0];
      part.remove_prefix(wide ? kNoBreakSpace.size() : 1);
      if (wide || c == ' ' || (c >= '\t' && c <= '\r')) {
        blank = true;
        continue;
      }
      if (blank && !text.empty()) text += ' ';
      blank = false;
      text += c;
    }
  };
  for (const GumboNode* at = node; at;) {
    bool enter = true;
    if (at->type == GUMBO_NODE_TEXT || at->type == GUMBO_NODE_CDATA) {
      append(at->v.text.text);
    } else if (at->type == GUMBO_NODE_ELEMENT) {
      enter = at == node || (!IsHidden(at) && !IsElement(at, GUMBO_TAG_TABLE));
      if (BreaksLine(at)) blank = true;
    } else if (at->type == GUMBO_NODE_TEMPLATE) {
      enter = false;
    } else if (at->type == GUMBO_NODE_WHITESPACE) {
      blank = true;
    }
    at = NextNode(at, node, enter);
  }
  return text;
}

std::string ToUtf8(std::string text) {
  bool valid = true;
  for (std::size_t at = 0; valid && at < text.size();) {
    const std::size_t length = CharacterLength(text, at);
    valid = length > 0;
    at += length;
  }
  if (valid) return text;
  std::string converted;
  converted.reserve(text.size() * 2);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      converted += c;
    } else {
      converted += static_cast<char>(0xC0 | byte >> 6);
      converted += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return converted;
}

}  // namespace ocelli
