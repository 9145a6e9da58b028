// A file that is there as a whole or not at all: written under a temporary name beside its own, synced, renamed.
// One thread. Next: RDBExport.swift.

import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// The file being written.
final class FileTarget: DumpTarget {
    private let path: String
    private let temporaryPath: String
    private var file: Int32
    /// Why it cannot be written; what follows is not tried.
    private(set) var failure: String?

    init(path: String) {
        self.path = path
        temporaryPath = "\(path).\(getpid()).tmp"
        file = openFile(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        if file < 0 { fail("cannot create \(temporaryPath)") }
    }

    deinit { abandon() }

    private func fail(_ what: String) {
        let reason = SystemError.text(errno)
        if failure == nil { failure = "\(what): \(reason)" }
    }

    private func abandon() {
        guard file >= 0 else { return }
        closeFile(file)
        unlink(temporaryPath)
        file = -1
    }

    func write(_ bytes: UnsafeRawBufferPointer) {
        guard failure == nil else { return }
        var done = 0
        while done < bytes.count {
            let put = writeFile(file, bytes.baseAddress! + done, bytes.count - done)
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { return fail("cannot write \(temporaryPath)") }
            done += put
        }
    }

    /// Everything is written: gives the file its name, in place of one that had it. Returns why that cannot be.
    func finish() -> String? {
        defer { abandon() }
        guard failure == nil else { return failure }
        guard fsync(file) == 0 else {
            fail("cannot sync \(temporaryPath)")
            return failure
        }
        guard renameFile(temporaryPath, path) == 0 else {
            fail("cannot rename \(temporaryPath)")
            return failure
        }
        closeFile(file)
        file = -1
        syncFolder()
        return failure
    }

    private func syncFolder() {
        let folderPath = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let folder = openFile(folderPath, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return fail("cannot open \(folderPath)") }
        defer { closeFile(folder) }
        if fsync(folder) != 0 { fail("cannot sync \(folderPath)") }
    }
}
