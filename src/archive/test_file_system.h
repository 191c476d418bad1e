#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "archive/file_system.h"
#include "core/result.h"

namespace ocelli {

// For tests: a folder in memory that loses power. What no sync covered is then
// there, not there, or there in part, each call and each sector on its own.
// Thread-safe.
class TestFileSystem final : public FileSystem {
 public:
  using Bytes = std::vector<std::byte>;
  static constexpr std::size_t kSector = 512;

  explicit TestFileSystem(std::uint64_t seed = 0)
      : state_(std::make_shared<State>()) {
    state_->random.seed(seed);
  }

  // The power fails at the call that so many others precede: it and all after
  // it fail, until PowerCut().
  void FailPowerAfter(std::uint64_t calls) {
    const std::lock_guard lock(state_->mutex);
    state_->power_fails_at = state_->calls + calls;
  }

  // That call alone fails, a write after a part of it.
  void FailCallAfter(std::uint64_t calls, ErrorCode code) {
    const std::lock_guard lock(state_->mutex);
    state_->failure = {state_->calls + calls, code};
  }

  std::uint64_t calls() const {
    const std::lock_guard lock(state_->mutex);
    return state_->calls;
  }
  // Of files, not of the folder.
  std::uint64_t syncs() const {
    const std::lock_guard lock(state_->mutex);
    return state_->syncs;
  }
  bool power() const {
    const std::lock_guard lock(state_->mutex);
    return state_->HasPower();
  }

  // What a sync of a file waits for, without any lock.
  void OnSync(std::function<void()> wait) {
    const std::lock_guard lock(state_->mutex);
    state_->on_sync = std::move(wait);
  }

  // Power goes and comes back. Files opened before are of no use any more.
  void PowerCut() {
    const std::lock_guard lock(state_->mutex);
    State& state = *state_;
    std::map<std::string, std::shared_ptr<Inode>> names = state.safe_names;
    for (const FolderChange& change : state.changes) {
      if (state.Chance()) change(names);
    }
    for (auto& [name, inode] : names) {
      auto after = std::make_shared<Inode>();
      after->safe = state.AfterPowerCut(*inode);
      after->now = after->safe;
      inode = std::move(after);
    }
    state.names = state.safe_names = std::move(names);
    state.changes.clear();
    state.power_fails_at.reset();
    state.failure.second.reset();
    ++state.boot;
  }

  // What a file holds now; null: there is none. For damage, which lasts.
  Bytes* Content(const std::string& name) {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->names.find(name);
    return found == state_->names.end() ? nullptr : &found->second->now;
  }
  void Damage(const std::string& name, std::size_t offset) {
    const std::lock_guard lock(state_->mutex);
    Inode& inode = *state_->names.at(name);
    inode.now.at(offset) ^= std::byte{0x41};
    if (offset < inode.safe.size()) inode.safe[offset] ^= std::byte{0x41};
  }
  void Put(const std::string& name, Bytes bytes) {
    const std::lock_guard lock(state_->mutex);
    auto inode = std::make_shared<Inode>();
    inode->now = inode->safe = std::move(bytes);
    state_->names[name] = state_->safe_names[name] = std::move(inode);
  }

  Result<std::shared_ptr<SpoolFile>> Open(const std::string& name) override {
    const std::lock_guard lock(state_->mutex);
    if (auto called = state_->Call("opening " + name); !called) {
      return called.Failure();
    }
    auto& inode = state_->names[name];
    if (!inode) {
      inode = std::make_shared<Inode>();
      state_->changes.push_back(
          [name, made = inode](auto& names) { names[name] = made; });
    }
    return std::make_shared<File>(state_, inode, state_->boot);
  }

  Result<std::vector<std::string>> List() override {
    const std::lock_guard lock(state_->mutex);
    if (auto called = state_->Call("listing"); !called) return called.Failure();
    std::vector<std::string> all;
    for (const auto& [name, inode] : state_->names) all.push_back(name);
    return all;
  }

  Result<> Remove(const std::string& name) override {
    const std::lock_guard lock(state_->mutex);
    if (auto called = state_->Call("deleting " + name); !called) return called;
    if (state_->names.erase(name) == 0) {
      return Fail(ErrorCode::kNotFound, "deleting " + name + ": not there");
    }
    state_->changes.push_back([name](auto& names) { names.erase(name); });
    return {};
  }

  Result<> Rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(state_->mutex);
    if (auto called = state_->Call("renaming " + from); !called) return called;
    const auto found = state_->names.find(from);
    if (found == state_->names.end()) {
      return Fail(ErrorCode::kNotFound, "renaming " + from + ": not there");
    }
    const std::shared_ptr<Inode> inode = found->second;
    const FolderChange change = [from, to, inode](auto& names) {
      names.erase(from);
      names[to] = inode;
    };
    change(state_->names);
    state_->changes.push_back(change);
    return {};
  }

  Result<> SyncFolder() override {
    const std::lock_guard lock(state_->mutex);
    if (auto called = state_->Call("syncing the folder"); !called) {
      return called;
    }
    state_->safe_names = state_->names;
    state_->changes.clear();
    return {};
  }

  std::string PathOf(const std::string& name) const override {
    return "/spool/" + name;
  }

 private:
  struct Write {
    std::size_t offset = 0;
    Bytes bytes;
  };
  using FileChange = std::variant<Write, std::size_t>;  // Or a new size.

  struct Inode {
    Bytes now;
    Bytes safe;
    std::vector<FileChange> changes;  // Since `safe`.
  };
  using FolderChange =
      std::function<void(std::map<std::string, std::shared_ptr<Inode>>&)>;

  struct State {
    mutable std::mutex mutex;
    std::mt19937_64 random;
    std::map<std::string, std::shared_ptr<Inode>> names, safe_names;
    std::vector<FolderChange> changes;  // Since `safe_names`.
    std::uint64_t calls = 0;
    std::uint64_t syncs = 0;
    std::uint64_t boot = 0;
    std::optional<std::uint64_t> power_fails_at;
    std::pair<std::uint64_t, std::optional<ErrorCode>> failure;
    std::function<void()> on_sync;

    bool Chance() { return random() % 2 == 0; }
    bool HasPower() const {
      return !power_fails_at || calls <= *power_fails_at;
    }

    // It failed before this call, not at it.
    bool PowerWasOff() const {
      return power_fails_at && calls > *power_fails_at + 1;
    }

    Result<> Call(const std::string& doing) {
      ++calls;
      if (!HasPower()) {
        return Fail(ErrorCode::kUnavailable, doing + ": no power");
      }
      if (failure.second && calls == failure.first + 1) {
        return Fail(*failure.second, doing + ": made to fail");
      }
      return {};
    }

    static void Apply(Bytes& bytes, const Write& write) {
      const std::size_t end = write.offset + write.bytes.size();
      if (write.bytes.empty()) return;
      if (bytes.size() < end) bytes.resize(end);
      std::copy(write.bytes.begin(), write.bytes.end(),
                bytes.begin() + static_cast<std::ptrdiff_t>(write.offset));
    }

    // Some sectors of it, or what is before any byte of it.
    void ApplyTorn(Bytes& bytes, Write write) {
      if (Chance()) {
        write.bytes.resize(random() % (write.bytes.size() + 1));
        return Apply(bytes, write);
      }
      for (std::size_t at = 0; at < write.bytes.size();) {
        const std::size_t next = std::min(
            write.bytes.size(), at + kSector - (write.offset + at) % kSector);
        if (Chance()) {
          Apply(bytes, {write.offset + at,
                        Bytes(write.bytes.begin() + std::ptrdiff_t(at),
                              write.bytes.begin() + std::ptrdiff_t(next))});
        }
        at = next;
      }
    }

    Bytes AfterPowerCut(const Inode& inode) {
      Bytes bytes = inode.safe;
      for (const FileChange& change : inode.changes) {
        const auto fate = random() % 3;
        if (fate == 0) continue;
        if (const auto* size = std::get_if<std::size_t>(&change)) {
          bytes.resize(*size);
        } else if (fate == 1) {
          Apply(bytes, std::get<Write>(change));
        } else {
          ApplyTorn(bytes, std::get<Write>(change));
        }
      }
      return bytes;
    }
  };

  class File final : public SpoolFile {
   public:
    File(std::shared_ptr<State> state, std::shared_ptr<Inode> inode,
         std::uint64_t boot)
        : state_(std::move(state)), inode_(std::move(inode)), boot_(boot) {}

    Result<> Write(std::uint64_t offset,
                   std::span<const std::byte> bytes) override {
      const std::lock_guard lock(state_->mutex);
      auto called = Call("writing");
      TestFileSystem::Write write{static_cast<std::size_t>(offset),
                                  Bytes(bytes.begin(), bytes.end())};
      if (boot_ != state_->boot || state_->PowerWasOff()) return called;
      // What fails was perhaps begun.
      if (!called) write.bytes.resize(state_->random() % (bytes.size() + 1));
      State::Apply(inode_->now, write);
      inode_->changes.emplace_back(std::move(write));
      return called;
    }

    Result<std::size_t> Read(std::uint64_t offset,
                             std::span<std::byte> into) const override {
      const std::lock_guard lock(state_->mutex);
      if (auto called = Call("reading"); !called) return called.Failure();
      const Bytes& now = inode_->now;
      if (offset >= now.size()) return 0;
      const auto begin = static_cast<std::size_t>(offset);
      const std::size_t count = std::min(into.size(), now.size() - begin);
      std::copy_n(now.begin() + static_cast<std::ptrdiff_t>(begin), count,
                  into.begin());
      return count;
    }

    Result<std::uint64_t> Size() const override {
      const std::lock_guard lock(state_->mutex);
      if (auto called = Call("asking for the size"); !called) {
        return called.Failure();
      }
      return inode_->now.size();
    }

    Result<> Truncate(std::uint64_t size) override {
      const std::lock_guard lock(state_->mutex);
      if (auto called = Call("shortening"); !called) return called;
      inode_->now.resize(static_cast<std::size_t>(size));
      inode_->changes.emplace_back(static_cast<std::size_t>(size));
      return {};
    }

    Result<> Sync() override {
      std::function<void()> wait;
      {
        const std::lock_guard lock(state_->mutex);
        wait = state_->on_sync;
      }
      if (wait) wait();
      const std::lock_guard lock(state_->mutex);
      ++state_->syncs;
      auto called = Call("syncing");
      if (!called && state_->HasPower()) {
        // As Linux does: what it failed to write is clean from then on, and no
        // later sync writes it.
        std::erase_if(inode_->changes,
                      [&](const auto&) { return state_->Chance(); });
      }
      if (!called) return called;
      Bytes safe = inode_->safe;
      for (const FileChange& change : inode_->changes) {
        if (const auto* size = std::get_if<std::size_t>(&change)) {
          safe.resize(*size);
        } else {
          State::Apply(safe, std::get<TestFileSystem::Write>(change));
        }
      }
      inode_->safe = std::move(safe);
      inode_->changes.clear();
      return {};
    }

   private:
    Result<> Call(const std::string& doing) const {
      auto called = state_->Call(doing);
      if (called && boot_ != state_->boot) {
        return Fail(ErrorCode::kInternal, doing + ": opened before the cut");
      }
      return called;
    }

    const std::shared_ptr<State> state_;  // Of the folder, and its files.
    const std::shared_ptr<Inode> inode_;  // Of the names, and open files.
    const std::uint64_t boot_;
  };

  std::shared_ptr<State> state_;
};

}  // namespace ocelli
