// A signal as an event of the loop: the handler runs on the loop thread, not in signal context.
// Loop thread only.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Calls its handler for each arrival of one signal, while it lives.
public final class SignalWatch {
    let handler: () -> Void
    private var registration: EventRegistration?

    public init(signal: Int32, on loop: EventLoop, handler: @escaping () -> Void) {
        self.handler = handler
        registration = .signal(self, number: signal, on: loop)
        registration?.activate()
    }

    /// A parent may have left signals blocked, which is inherited: then no watch would ever be called.
    public static func unblockAll() {
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
    }

    /// A write to a socket whose peer is gone shall fail with EPIPE instead of ending the process.
    public static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
