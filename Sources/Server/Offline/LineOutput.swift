// Lines on their way to standard output, collected and written by the thousand: a dump has as many as the log records.
// One thread.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Standard output for many lines.
public final class LineOutput {
    private var pending: [UInt8] = []
    private let descriptor: Int32

    private static let writeBytes = 65_536

    public init(descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    public func print(_ line: String) {
        pending += line.utf8
        pending.append(0x0A)
        if pending.count >= Self.writeBytes { flush() }
    }

    /// Writes what was collected. Nobody is told when nobody reads: a closed pipe ends the process anyway.
    public func flush() {
        var done = 0
        while done < pending.count {
            let put = pending[done...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { break }
            done += put
        }
        pending.removeAll(keepingCapacity: true)
    }
}
