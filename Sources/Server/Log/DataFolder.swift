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
        lock = try Self.takeLock(path, O_RDWR | O_CREAT, LOCK_EX)
        Self.noteHolder(lock)
        guard access(path + "/log", R_OK | W_OK | X_OK) == 0 else {
            throw StartError("cannot use data folder \(path)/log: \(SystemError.text(errno))")
        }
    }

    /// A folder that is there, for a tool that works on it while no daemon does. `isReadOnly`: nothing is made or
    /// changed, and several may look at the same time.
    init(existing path: String, isReadOnly: Bool) throws(StartError) {
        self.path = path
        var facts = stat()
        guard stat(path + "/log", &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw StartError("there is no log in data folder \(path)")
        }
        if isReadOnly {
            // Without the file no daemon has ever used the folder: it may be a copy.
            let isThere = access(path + "/LOCK", F_OK) == 0
            lock = isThere ? try Self.takeLock(path, O_RDONLY, LOCK_SH) : -1
        } else {
            lock = try Self.takeLock(path, O_RDWR | O_CREAT, LOCK_EX)
            Self.noteHolder(lock)
        }
    }

    deinit { if lock >= 0 { closeFile(lock) } }

    private static func takeLock(_ path: String, _ flags: Int32, _ operation: Int32) throws(StartError) -> Int32 {
        let lock = openFile(path + "/LOCK", flags | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw StartError("cannot use data folder \(path): \(SystemError.text(errno))") }
        guard flock(lock, operation | LOCK_NB) == 0 else {
            let reason = errno
            let holder = holder(of: lock)
            closeFile(lock)
            if reason == EWOULDBLOCK {
                throw StartError("data folder \(path) is in use by another taskd\(holder)")
            }
            throw StartError("cannot lock data folder \(path): \(SystemError.text(reason))")
        }
        return lock
    }

    /// For whoever finds the lock taken.
    private static func noteHolder(_ lock: Int32) {
        let text = "\(getpid())\n"
        ftruncate(lock, 0)
        _ = pwrite(lock, text, text.utf8.count, 0)
    }

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
