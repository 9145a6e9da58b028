// The data folder: made if missing, locked against a second daemon for as long as this one lives.
// Starting thread only. Next: Recovery.swift.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Why the daemon cannot start; one clear line.
struct StartError: Error {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A locked data folder.
final class DataFolder {
    let path: String
    private let lock: Int32

    /// Where the segments are.
    var logPath: String { path + "/log" }
    /// Where messages are that are paged out of memory but in no log.
    var spoolPath: String { path + "/spool" }

    init(path: String) throws(StartError) {
        self.path = path
        try Self.makeFolder(path)
        try Self.makeFolder(path + "/log")
        try Self.makeFolder(path + "/spool")
        let lockPath = path + "/LOCK"
        lock = openFile(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw StartError("cannot use data folder \(path): \(SystemError.text(errno))") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let holder = Self.holder(of: lock)
            closeFile(lock)
            if reason == EWOULDBLOCK {
                throw StartError("data folder \(path) is in use by another taskd\(holder)")
            }
            throw StartError("cannot lock data folder \(path): \(SystemError.text(reason))")
        }
        // For whoever finds the lock taken.
        let text = "\(getpid())\n"
        ftruncate(lock, 0)
        _ = pwrite(lock, text, text.utf8.count, 0)
        guard access(path + "/log", R_OK | W_OK | X_OK) == 0 else {
            throw StartError("cannot use data folder \(path)/log: \(SystemError.text(errno))")
        }
    }

    deinit { closeFile(lock) }

    private static func holder(of lock: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        let got = pread(lock, &bytes, bytes.count, 0)
        guard got > 1 else { return "" }
        let text = String(decoding: bytes[0..<got].prefix { $0 >= 0x30 && $0 <= 0x39 }, as: UTF8.self)
        return text.isEmpty ? "" : " (pid \(text))"
    }

    /// With parents, as `mkdir -p`.
    private static func makeFolder(_ path: String) throws(StartError) {
        var facts = stat()
        if stat(path, &facts) == 0 {
            guard facts.st_mode & S_IFMT == S_IFDIR else {
                throw StartError("cannot use data folder \(path): it is not a folder")
            }
            return
        }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try makeFolder(String(path[..<slash]))
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw StartError("cannot create data folder \(path): \(SystemError.text(errno))")
        }
    }
}
