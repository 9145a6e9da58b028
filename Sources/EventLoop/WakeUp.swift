// How other threads reach the loop: an eventfd. They leave what they have to say elsewhere (a mailbox
// under a lock) and ring here; many rings before the loop looks count as one.
// `Bell` may be used from any thread; everything else on the loop thread.

import CLibevent

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The bell of one loop.
public final class WakeUp: DescriptorEvents {
    /// Rings from any thread, as long as the `WakeUp` lives.
    public struct Bell: Sendable {
        fileprivate let descriptor: Int32

        public func ring() {
            var one: UInt64 = 1
            // EAGAIN means that the counter is full: then the loop is going to wake anyway.
            _ = write(descriptor, &one, 8)
        }
    }

    private let handler: () -> Void

    public var bell: Bell { Bell(descriptor: descriptor) }

    public init(on loop: EventLoop, handler: @escaping () -> Void) throws(EventLoopError) {
        let made = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard made >= 0 else { throw .cannotRegister(errno: errno) }
        self.handler = handler
        super.init(descriptor: made, on: loop)
        watchReadable(true)
    }

    override public func onReadable() {
        var counter: UInt64 = 0
        _ = read(descriptor, &counter, 8)
        handler()
    }
}
