// Messages from one thread to another: a lock, a condition, an array. Whole arrays change hands, so the
// lock is held for moments only.
// Any thread. Boundary file for pthread pointers. Next: NativeThread.swift.

import EventLoop

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Queue of messages between threads, first in first out.
final class Mailbox<Message: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var messages: [Message] = []

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Adds a message. Returns false, and drops it, when `countMax` wait already.
    @discardableResult
    func post(_ message: Message, countMax: Int = .max) -> Bool {
        pthread_mutex_lock(mutex)
        let isAccepted = messages.count < countMax
        if isAccepted { messages.append(message) }
        let isFirst = messages.count == 1
        pthread_mutex_unlock(mutex)
        // After the unlock: a thread woken earlier would only wait for the lock.
        if isAccepted, isFirst { pthread_cond_signal(condition) }
        return isAccepted
    }

    /// Everything that waits, at once.
    func take() -> [Message] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        let taken = messages
        messages = []
        return taken
    }

    /// Sleeps until there is something or the time has come; then everything that waits, maybe nothing.
    func wait(untilMonotonicMicroseconds deadline: Int64?) -> [Message] {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while messages.isEmpty {
            guard let deadline else {
                pthread_cond_wait(condition, mutex)
                continue
            }
            var time = timespec(tv_sec: Int(deadline / 1_000_000), tv_nsec: Int(deadline % 1_000_000) * 1_000)
            if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
        }
        let taken = messages
        messages = []
        return taken
    }
}
