// Boundary to libevent: one registered event, and the C callbacks that find the Swift object again.
// The only file with `Unmanaged`. Objects are passed unretained: each owns its registration and drops it
// in `deinit` at the latest, so no callback can come after its object is gone.
// Loop thread only.

import CLibevent

/// Owner of one `struct event`.
final class EventRegistration {
    private let event: OpaquePointer
    private(set) var isActive = false

    private init(event: OpaquePointer?) {
        // event_new fails only without memory or with flags that contradict each other: our own bug.
        guard let event else { preconditionFailure("event_new failed") }
        self.event = event
    }

    deinit { event_free(event) }

    /// Level-triggered readability, until removed.
    static func reading(_ owner: DescriptorEvents, on loop: EventLoop) -> EventRegistration {
        EventRegistration(
            event: event_new(
                loop.base, owner.descriptor, Int16(EV_READ | EV_PERSIST),
                { _, _, context in
                    Unmanaged<DescriptorEvents>.fromOpaque(context!).takeUnretainedValue().onReadable()
                }, Unmanaged.passUnretained(owner).toOpaque()))
    }

    /// Level-triggered writability, until removed.
    static func writing(_ owner: DescriptorEvents, on loop: EventLoop) -> EventRegistration {
        EventRegistration(
            event: event_new(
                loop.base, owner.descriptor, Int16(EV_WRITE | EV_PERSIST),
                { _, _, context in
                    Unmanaged<DescriptorEvents>.fromOpaque(context!).takeUnretainedValue().onWritable()
                }, Unmanaged.passUnretained(owner).toOpaque()))
    }

    /// One shot after the time given to `activate`.
    static func timer(_ owner: LoopTimer, on loop: EventLoop) -> EventRegistration {
        EventRegistration(
            event: event_new(
                loop.base, -1, 0,
                { _, _, context in
                    Unmanaged<LoopTimer>.fromOpaque(context!).takeUnretainedValue().fire()
                }, Unmanaged.passUnretained(owner).toOpaque()))
    }

    /// A signal, until removed.
    static func signal(_ owner: SignalWatch, number: Int32, on loop: EventLoop) -> EventRegistration {
        EventRegistration(
            event: event_new(
                loop.base, number, Int16(EV_SIGNAL | EV_PERSIST),
                { _, _, context in
                    Unmanaged<SignalWatch>.fromOpaque(context!).takeUnretainedValue().handler()
                }, Unmanaged.passUnretained(owner).toOpaque()))
    }

    func activate() {
        guard !isActive else { return }
        isActive = event_add(event, nil) == 0
    }

    func activate(afterMicroseconds delay: Int64) {
        var interval = timeval(tv_sec: Int(delay / 1_000_000), tv_usec: Int(delay % 1_000_000))
        isActive = event_add(event, &interval) == 0
    }

    func deactivate() {
        guard isActive else { return }
        event_del(event)
        isActive = false
    }

    /// A one-shot event has fired: libevent has taken it out by itself.
    func markFired() { isActive = false }
}
