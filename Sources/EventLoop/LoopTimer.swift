// A one-shot timer. It may fire a few milliseconds late (the kernel's coarse clock) or, seen by a finer
// clock, a little early: handlers ask the time themselves.
// Loop thread only.

/// Calls its handler once, some time after `schedule`.
public final class LoopTimer {
    private let handler: () -> Void
    private let loop: EventLoop
    private var registration: EventRegistration?

    public init(on loop: EventLoop, handler: @escaping () -> Void) {
        self.loop = loop
        self.handler = handler
    }

    public var isScheduled: Bool { registration?.isActive ?? false }

    /// Fires after `delay`; an earlier setting is replaced.
    public func schedule(afterMicroseconds delay: Int64) {
        if registration == nil { registration = .timer(self, on: loop) }
        registration?.activate(afterMicroseconds: max(0, delay))
    }

    public func cancel() { registration?.deactivate() }

    func fire() {
        registration?.markFired()
        handler()
    }
}
