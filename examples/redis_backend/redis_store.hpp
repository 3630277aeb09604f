// SPDX-License-Identifier: BSL-1.0
#pragma once

// Redis as a byte_store, over hiredis; memo::byte_backend makes a backend of it.

#include <memo/byte_backend.hpp>
#include <memo/fingerprint.hpp>
#include <memo/key128.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <hiredis/hiredis.h>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace examples {

struct redis_settings {
    std::string host = "127.0.0.1";
    int port = 6379;
    std::chrono::milliseconds timeout{100}; ///< of connecting, of each write and of each read
};

/// Stores bytes in one Redis server. Every thread has its own connection, so there is no lock, and a
/// forked child opens new ones.
///
/// Thread safety:  safe
/// Throws:         std::runtime_error if the server does not answer, or answers with an error
class redis_store {
  public:
    using bytes = std::vector<std::byte>;

    redis_store() = default;
    explicit redis_store(redis_settings chosen) : settings_(std::move(chosen)) {}

    std::optional<bytes> load(std::string_view name) const {
        return bytes_in(*command({"GET", name}));
    }

    bool store(std::string_view name, std::span<std::byte const> value,
               std::chrono::nanoseconds ttl) const {
        if (ttl.count() == 0) {
            return is_ok(*command({"SET", name, text_of(value)}));
        }
        return is_ok(*command({"SET", name, text_of(value), "PX", milliseconds(ttl)}));
    }

    bool erase(std::string_view name) const { return command({"DEL", name})->integer == 1; }

    // For averaged functions. The token is the value itself: one script, which is atomic, compares and
    // stores it.
    std::optional<memo::versioned_bytes<bytes>> load_versioned(std::string_view name) const {
        auto value = load(name);
        if (!value) {
            return std::nullopt;
        }
        return memo::versioned_bytes<bytes>{*value, *value};
    }

    bool exchange(std::string_view name, std::optional<bytes> const& token,
                  std::span<std::byte const> value, std::chrono::nanoseconds ttl) const {
        constexpr std::string_view script =
            "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end "
            "redis.call('SET', KEYS[1], ARGV[2]) "
            "if ARGV[3] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end "
            "return 1";
        std::string_view const before = token ? text_of(*token) : std::string_view();
        auto const answer =
            command({"EVAL", script, "1", name, before, text_of(value), milliseconds(ttl)});
        return answer->integer == 1;
    }

    // For f.many(arguments).
    std::vector<std::optional<bytes>> load_many(std::span<std::string const> names) const {
        std::vector<std::string_view> words{"MGET"};
        words.insert(words.end(), names.begin(), names.end());
        auto const answer = command(words);
        std::vector<std::optional<bytes>> all;
        for (std::size_t i = 0; i < answer->elements; ++i) {
            all.push_back(bytes_in(*answer->element[i]));
        }
        return all;
    }

    // For leases.
    bool try_lock(std::string_view name, std::string_view owner,
                  std::chrono::nanoseconds ttl) const {
        return is_ok(*command({"SET", name, owner, "NX", "PX", milliseconds(ttl)}));
    }

    void unlock(std::string_view name, std::string_view owner) const {
        constexpr std::string_view script =
            "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end";
        static_cast<void>(command({"EVAL", script, "1", name, owner}));
    }

    [[nodiscard]] memo::key128 identity() const {
        return memo::fingerprint(std::string_view("redis"), settings_.host, settings_.port);
    }

  private:
    struct deletes {
        void operator()(redisContext* context) const { ::redisFree(context); }
        void operator()(redisReply* answer) const { ::freeReplyObject(answer); }
    };
    using connection = std::unique_ptr<redisContext, deletes>;
    using reply = std::unique_ptr<redisReply, deletes>;

    /// hiredis writes with write(2): a closed connection must not end the program by SIGPIPE.
    class without_sigpipe {
      public:
        without_sigpipe() {
            ::sigemptyset(&pipe_);
            ::sigaddset(&pipe_, SIGPIPE);
            ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
        }
        without_sigpipe(without_sigpipe const&) = delete;
        without_sigpipe& operator=(without_sigpipe const&) = delete;
        ~without_sigpipe() {
            timespec const at_once{};
            while (::sigismember(&before_, SIGPIPE) == 0 &&
                   ::sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
            }
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }

      private:
        sigset_t pipe_{};
        sigset_t before_{};
    };

    [[nodiscard]] reply command(std::initializer_list<std::string_view> words) const {
        return command(std::span<std::string_view const>(words.begin(), words.size()));
    }

    [[nodiscard]] reply command(std::span<std::string_view const> words) const {
        std::vector<char const*> starts;
        std::vector<std::size_t> sizes;
        for (auto const word : words) {
            starts.push_back(word.data() != nullptr ? word.data() : "");
            sizes.push_back(word.size());
        }
        without_sigpipe const quiet;
        connection& mine = connected();
        reply answer(static_cast<redisReply*>(::redisCommandArgv(
            mine.get(), static_cast<int>(words.size()), starts.data(), sizes.data())));
        if (answer == nullptr) { // a late reply would answer another command
            std::string const what = &mine->errstr[0];
            mine.reset();
            throw std::runtime_error("redis at " + address() + ": " + what);
        }
        if (answer->type == REDIS_REPLY_ERROR) {
            throw std::runtime_error("redis at " + address() + " refuses " + std::string(words[0]) +
                                     ": " + std::string(answer->str, answer->len));
        }
        return answer;
    }

    /// This thread's connection.
    [[nodiscard]] connection& connected() const {
        thread_local std::map<std::pair<pid_t, std::string>, connection> of_this_thread;
        connection& mine = of_this_thread[{::getpid(), address()}];
        if (mine != nullptr && !is_quiet(*mine)) {
            mine.reset();
        }
        if (mine == nullptr) {
            timeval const timeout{settings_.timeout.count() / 1000,
                                  settings_.timeout.count() % 1000 * 1000};
            mine.reset(::redisConnectWithTimeout(settings_.host.c_str(), settings_.port, timeout));
            if (mine == nullptr || mine->err != 0 ||
                ::redisSetTimeout(mine.get(), timeout) != REDIS_OK) {
                std::string const what = mine != nullptr ? &mine->errstr[0] : "no memory";
                mine.reset();
                throw std::runtime_error("no connection to redis at " + address() + ": " + what);
            }
        }
        return mine;
    }

    /// Whether the server has neither closed the connection nor sent an unexpected reply.
    [[nodiscard]] static bool is_quiet(redisContext const& context) {
        char unread = 0;
        return ::recv(context.fd, &unread, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
    }

    [[nodiscard]] std::string address() const {
        return settings_.host + ':' + std::to_string(settings_.port);
    }

    [[nodiscard]] static std::optional<bytes> bytes_in(redisReply const& answer) {
        if (answer.type != REDIS_REPLY_STRING) {
            return std::nullopt;
        }
        auto const value = std::as_bytes(std::span(answer.str, answer.len));
        return bytes(value.begin(), value.end());
    }

    [[nodiscard]] static bool is_ok(redisReply const& answer) {
        return answer.type == REDIS_REPLY_STATUS;
    }

    [[nodiscard]] static std::string_view text_of(std::span<std::byte const> value) {
        return {reinterpret_cast<char const*>(value.data()), value.size()};
    }

    /// Rounded up, so that only 0 is 0.
    [[nodiscard]] static std::string milliseconds(std::chrono::nanoseconds ttl) {
        return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(ttl).count());
    }

    redis_settings settings_;
};

using redis = memo::byte_backend<redis_store>;

} // namespace examples
