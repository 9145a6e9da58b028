// The few file operations the segment files need, so that the same code runs on a real folder (Server) and
// on a simulated disk that loses, tears and reorders what was not synced (Simulation).
// Names are file names inside the log's folder. Log thread. Next: SegmentedLog.swift.

/// A file operation that failed.
public struct LogDiskError: Error, Equatable, Sendable {
    /// In words: "cannot write".
    public let operation: String
    public let file: String
    public let reason: String
    /// There was no room. May go well once there is some; nothing that was written before is in doubt.
    public let isNoSpace: Bool

    public init(operation: String, file: String, reason: String, isNoSpace: Bool = false) {
        self.operation = operation
        self.file = file
        self.reason = reason
        self.isNoSpace = isNoSpace
    }

    public var description: String { "\(operation) \(file): \(reason)" }
}

/// A folder of files that only grow, and have no bytes changed but zeros written ahead.
public protocol LogDisk: AnyObject {
    func list() throws(LogDiskError) -> [String]
    /// Creates an empty file. Its name is durable after `syncFolder`.
    func create(_ name: String) throws(LogDiskError)
    func size(of name: String) throws(LogDiskError) -> Int
    /// Reads up to `buffer.count` bytes; fewer only at the end of the file.
    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LogDiskError) -> Int
    /// Writes all of `bytes` at `offset`, which is not beyond the end of the file.
    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(LogDiskError)
    func sync(_ name: String) throws(LogDiskError)
    func syncFolder() throws(LogDiskError)
    func truncate(_ name: String, to size: Int) throws(LogDiskError)
    func remove(_ name: String) throws(LogDiskError)
    /// Gives the file another name, in place of a file that had it. Durable after `syncFolder`.
    func rename(_ name: String, to new: String) throws(LogDiskError)
    /// The file will not be used again soon: what is kept for it may be let go of.
    func close(_ name: String)
}
