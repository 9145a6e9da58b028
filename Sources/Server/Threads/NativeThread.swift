// A thread of the system with a name, for work that blocks: the log, and lines for stderr. Swift's tasks
// are no place for that: they would block a thread of the shared pool.
// Boundary file for `Unmanaged`. Next: ../Log/LogThread.swift.

import CTaskdShims

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A running thread; `join` waits for its end.
final class NativeThread: @unchecked Sendable {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private var thread = pthread_t()

    /// Starts at once. `name` is at most 15 characters (Linux). All signals stay with the loop thread.
    init(name: String, _ run: @escaping @Sendable () -> Void) {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        let failed = pthread_create(
            &thread, nil,
            { context in
                let body = Unmanaged<Body>.fromOpaque(context!).takeRetainedValue()
                taskd_name_thread(body.name)
                body.run()
                return nil
            }, Unmanaged.passRetained(Body(name: name, run: run)).toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        precondition(failed == 0, "cannot create a thread")
    }

    func join() { pthread_join(thread, nil) }
}
