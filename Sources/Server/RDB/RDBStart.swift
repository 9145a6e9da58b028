// `taskd serve --import-rdb FILE`: the part of a start between recovery and the first connection. The file is loaded
// into memory, then a checkpoint is taken: until that has its name on disk the log has nothing of the file, from then
// on everything. A start that ends in between has changed nothing.
// Starting thread. Next: ../Daemon.swift, ../../Engine/RDBLoading.swift.

import Engine
import EventLoop
import Logging

/// What `serve` was told of an RDB file.
public struct RDBImportOptions: Sendable {
    public var path: String
    /// Keys that are there already go; otherwise they are a reason not to start.
    public var replaces: Bool

    public init(path: String, replaces: Bool) {
        self.path = path
        self.replaces = replaces
    }
}

/// One import into a daemon that is starting.
struct RDBStart {
    let options: RDBImportOptions
    let source: FileSource

    /// Opens the file, so that a wrong name is told before anything else is done.
    init(_ options: RDBImportOptions) throws(DaemonStartError) {
        self.options = options
        do throws(DumpSourceError) {
            source = try FileSource(path: options.path)
        } catch {
            throw DaemonStartError("cannot import \(options.path): \(error.reason)")
        }
    }

    /// Longest time between two calls of `attend`, and longest silence.
    private static let attendMicroseconds: Int64 = 50_000
    private static let progressMicroseconds: Int64 = 1_000_000

    /// - Parameters:
    ///   - attend: called again and again; false: the daemon is to end.
    ///   - checkpoint: takes one; returns why it could not.
    func run(
        _ engine: Engine, _ logger: Logger, attend: () -> Bool, checkpoint: () -> String?
    ) throws(DaemonStartError) {
        let start = LoopClock.monotonicMicroseconds
        var lastTold = start
        var lastAttended = start
        let loading: RDBLoading
        do throws(RDBError) {
            loading = try RDBLoading(engine, source, replaces: options.replaces)
            while try !loading.advance() {
                let now = LoopClock.monotonicMicroseconds
                if now - lastTold >= Self.progressMicroseconds {
                    lastTold = now
                    logger.info(
                        "importing",
                        metadata: [
                            "keys": "\(loading.report.keys)", "bytes": "\(loading.report.bytes)",
                            "of": "\(source.bytes)",
                        ])
                }
                guard now - lastAttended >= Self.attendMicroseconds else { continue }
                lastAttended = now
                guard attend() else { throw RDBError.stopped }
            }
        } catch {
            throw refused(error)
        }
        let loaded = LoopClock.monotonicMicroseconds
        if let failure = checkpoint() {
            throw DaemonStartError("cannot import \(options.path): no checkpoint of it could be written: \(failure)")
        }
        loading.finish()
        tell(loading, logger, loadMilliseconds: (loaded - start) / 1_000, from: start)
    }

    private func refused(_ error: RDBError) -> DaemonStartError {
        DaemonStartError("cannot import \(options.path): \(error.description); nothing was changed")
    }

    private func tell(_ loading: RDBLoading, _ logger: Logger, loadMilliseconds: Int64, from start: Int64) {
        let report = loading.report
        logger.notice(
            "imported \(options.path)",
            metadata: [
                "rdb_version": "\(report.version)", "redis": "\(report.writtenBy)", "keys": "\(report.keys)",
                "expired": "\(report.expiredKeys)", "functions": "\(report.functionLibraries)",
                "load_milliseconds": "\(loadMilliseconds)",
                "milliseconds": "\((LoopClock.monotonicMicroseconds - start) / 1_000)",
            ])
        if report.emptyKeys > 0 {
            logger.warning(
                "keys without a value, as old versions of Redis have written them, were left out",
                metadata: ["keys": "\(report.emptyKeys)"])
        }
        if loading.excessBytes > 0 {
            logger.warning(
                "what was imported exceeds store.maxmemory: keys go, or commands that need memory are refused",
                metadata: ["excess_bytes": "\(loading.excessBytes)"])
        }
    }
}
