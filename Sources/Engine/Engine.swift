// Where store, broker and sessions meet. Bytes, time and disk completions go in (through sessions, `turn`
// and the journal); output bytes, log batches and the next deadline come out. No I/O, no clock, no threads.
// Loop thread only. Next: Base/EngineContext.swift, then Sessions/.

import Wire

/// The whole engine of one daemon.
public final class Engine {
    public let context: EngineContext

    public init(configuration: EngineConfiguration) {
        Limits.check()
        context = EngineContext(configuration: configuration)
    }
}
