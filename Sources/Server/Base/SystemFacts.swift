// What the kernel knows of this process: memory, processor time, names.
// Loop thread only (the loop thread's own processor time is among them).

import CTaskdShims
import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Reads /proc, getrusage and uname.
enum SystemFacts {
    /// Up to its first dot, as RabbitMQ's short names of nodes have it.
    static var hostName: String {
        var name = [UInt8](repeating: 0, count: 256)
        let result = name.withUnsafeMutableBytes {
            gethostname($0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        guard result == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 && $0 != 0x2E }, as: UTF8.self)
    }

    static func fill(_ facts: inout ProcessFacts, heap: inout HeapSize) {
        facts.processID = getpid()
        facts.executable = link("/proc/self/exe")
        facts.operatingSystem = operatingSystem()
        facts.systemMemoryBytes = systemMemoryBytes
        facts.residentBytes = residentPages() * sysconf(Int32(_SC_PAGESIZE))
        facts.allocatedBytes = heap.allocatedBytes(residentBytes: facts.residentBytes)
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        facts.userMicroseconds = microseconds(usage.ru_utime)
        facts.systemMicroseconds = microseconds(usage.ru_stime)
        // Kilobytes on Linux; 1 below is RUSAGE_THREAD.
        facts.residentBytesPeak = max(usage.ru_maxrss * 1_024, facts.residentBytes)
        getrusage(1, &usage)
        facts.loopUserMicroseconds = microseconds(usage.ru_utime)
        facts.loopSystemMicroseconds = microseconds(usage.ru_stime)
    }

    /// Memory of the machine, or of the container if that is less.
    static var systemMemoryBytes: Int {
        let machine = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let group = firstLine("/sys/fs/cgroup/memory.max").flatMap { Int($0) } ?? .max
        return min(machine, group)
    }

    private static func firstLine(_ path: String) -> String? {
        let file = openFile(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { closeFile(file) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = readFile(file, &text, text.count)
        guard count > 0 else { return nil }
        return String(decoding: text[0..<count].prefix { $0 != 10 }, as: UTF8.self)
    }

    private static func microseconds(_ time: timeval) -> Int64 { Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_usec) }

    private static func link(_ path: String) -> String {
        var target = [UInt8](repeating: 0, count: 4_096)
        let count = target.withUnsafeMutableBytes {
            readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        return count > 0 ? String(decoding: target[0..<count], as: UTF8.self) : ""
    }

    /// Second field of /proc/self/statm.
    private static func residentPages() -> Int {
        let fields = firstLine("/proc/self/statm")?.split(separator: " ") ?? []
        return fields.count > 1 ? Int(fields[1]) ?? 0 : 0
    }

    private static func operatingSystem() -> String {
        var names = utsname()
        uname(&names)
        func text<T>(_ field: T) -> String {
            withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return "\(text(names.sysname)) \(text(names.release)) \(text(names.machine))"
    }
}

/// What is in use of the C library's allocator. It counts only when it is asked, by walking every free piece: tens of
/// milliseconds in a process with millions of them, in which the loop would stand still for each INFO. So it is asked
/// while the process is small; beyond that the figure goes with resident memory.
struct HeapSize {
    /// Resident memory up to which the allocator is asked.
    static let walkedResidentBytesMax = 33_554_432

    private var allocated = 0
    private var resident = 0

    mutating func allocatedBytes(residentBytes: Int, walk: () -> Int = taskd_allocated_bytes) -> Int {
        guard residentBytes > Self.walkedResidentBytesMax else {
            allocated = walk()
            resident = residentBytes
            return allocated
        }
        guard resident > 0 else { return residentBytes }
        return min(residentBytes, allocated + residentBytes - resident)
    }
}
