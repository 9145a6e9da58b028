// What only the server knows of its process, and INFO, CONFIG GET and QUEUE tools show. The engine asks
// through `EngineContext.processFacts`; in tests and simulation the defaults stand.
// Loop thread only. Next: ../Inspection/.

/// Facts of the moment they were asked for.
public struct ProcessFacts {
    public var processID: Int32 = 0
    public var executable = ""
    /// Empty when there is none.
    public var configurationFile = ""
    public var dataFolder = ""
    /// Name of the kernel's readiness mechanism, e.g. "epoll".
    public var multiplexing = "none"
    /// `uname -srm`.
    public var operatingSystem = ""
    public var respPort: UInt16 = 0
    public var amqpPort: UInt16 = 0
    public var uptimeSeconds: Int64 = 0
    /// Resident memory now, and its highest value so far.
    public var residentBytes = 0
    public var residentBytesPeak = 0
    /// What the process holds of its allocator; 0 when that is not known.
    public var allocatedBytes = 0
    /// Memory of the machine.
    public var systemMemoryBytes = 0
    /// Processor time in microseconds, of the process and of the loop thread.
    public var userMicroseconds: Int64 = 0
    public var systemMicroseconds: Int64 = 0
    public var loopUserMicroseconds: Int64 = 0
    public var loopSystemMicroseconds: Int64 = 0

    public var clientsMax = 0
    public var respClients = 0
    public var amqpConnections = 0
    public var connectionsAccepted = 0
    public var connectionsRefused = 0
    public var bytesRead = 0
    public var bytesWritten = 0

    /// Size of the log's files.
    public var logBytes = 0
    /// The last write or sync of the log has failed.
    public var hasLogFailed = false

    public init() {}
}
