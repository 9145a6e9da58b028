// Readiness of one file descriptor: a base class, because one virtual call for each event needs neither
// closure nor existential. Both events are level-triggered and stay registered until switched off, so a
// connection that only reads and writes without congestion costs no epoll_ctl after its first.
// Loop thread only. Next: Server's Connection and Listener, which inherit from it.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Owns a non-blocking descriptor and hears when it is ready.
open class DescriptorEvents {
    public let descriptor: Int32
    private let loop: EventLoop
    private var reading: EventRegistration?
    private var writing: EventRegistration?
    public private(set) var isOpen = true

    public init(descriptor: Int32, on loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
    }

    deinit { closeDescriptor() }

    open func onReadable() {}
    open func onWritable() {}

    public final var isWatchingReadable: Bool { reading?.isActive ?? false }
    public final var isWatchingWritable: Bool { writing?.isActive ?? false }

    public final func watchReadable(_ wanted: Bool) {
        if wanted {
            guard isOpen else { return }
            if reading == nil { reading = .reading(self, on: loop) }
            reading?.activate()
        } else {
            reading?.deactivate()
        }
    }

    public final func watchWritable(_ wanted: Bool) {
        if wanted {
            guard isOpen else { return }
            if writing == nil { writing = .writing(self, on: loop) }
            writing?.activate()
        } else {
            // Kept for the next congestion while the connection lives.
            writing?.deactivate()
        }
    }

    /// Removes both events and closes the descriptor. May be called from within a handler.
    public final func closeDescriptor() {
        guard isOpen else { return }
        isOpen = false
        reading = nil
        writing = nil
        close(descriptor)
    }
}
