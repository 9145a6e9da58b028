// The loop: waits for readiness, timers and signals with libevent (epoll) and calls their handlers.
// It knows nothing about protocols or turns: the server asks for one round at a time with `runOnce` and
// does its end-of-turn work in between.
// Loop thread only. Next: DescriptorEvents.swift (sockets), LoopTimer.swift, SignalWatch.swift, WakeUp.swift;
// EventRegistration.swift is the boundary to C.

import CLibevent

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why the loop could not be made or used.
public enum EventLoopError: Error, Equatable {
    case cannotCreate(errno: Int32)
    case cannotRegister(errno: Int32)
}

/// One event base.
public final class EventLoop {
    let base: OpaquePointer

    public init() throws(EventLoopError) {
        guard let configuration = event_config_new() else { throw .cannotCreate(errno: errno) }
        defer { event_config_free(configuration) }
        // No locks: only this thread touches the base, others use `WakeUp`. The change list joins epoll_ctl calls
        // of one turn (safe, as no descriptor is ever duplicated). Not the precise timer: it costs a
        // timerfd_settime for every turn, and deadlines here are in milliseconds.
        let flags =
            EVENT_BASE_FLAG_NOLOCK.rawValue | EVENT_BASE_FLAG_IGNORE_ENV.rawValue
            | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST.rawValue
        event_config_set_flag(configuration, Int32(flags))
        guard let base = event_base_new_with_config(configuration) else { throw .cannotCreate(errno: errno) }
        self.base = base
    }

    deinit { event_base_free(base) }

    /// Name of the kernel's mechanism in use, for INFO ("epoll").
    public var backend: String { String(cString: event_base_get_method(base)) }

    /// Waits until something is ready (or not at all when `waits` is false), calls the handlers of everything
    /// that is, and returns.
    public func runOnce(waits: Bool = true) {
        let flags = waits ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK
        let result = event_base_loop(base, flags)
        precondition(result >= 0, "event loop failed")
    }
}
