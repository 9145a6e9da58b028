// The log's folder on a real file system. Keeps descriptors of files it has used open: the one that is
// written, and those that bodies are read back from.
// Log thread, after recovery on the starting thread. Next: ../../Engine/Log/SegmentedLog.swift.

import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Files below one folder.
final class FolderDisk: LogDisk {
    private let path: String
    /// Files are opened for reading alone: every change fails.
    private let isReadOnly: Bool
    private var open: [String: Int32] = [:]

    init(path: String, isReadOnly: Bool = false) {
        self.path = path
        self.isReadOnly = isReadOnly
    }

    deinit { open.values.forEach { _ = closeFile($0) } }

    func list() throws(LogDiskError) -> [String] {
        guard let folder = opendir(path) else { throw failure("cannot list", "") }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    func create(_ name: String) throws(LogDiskError) {
        precondition(!isReadOnly)
        let made = openFile(full(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard made >= 0 else { throw failure("cannot create", name) }
        open[name] = made
    }

    func size(of name: String) throws(LogDiskError) -> Int {
        var facts = stat()
        guard fstat(try descriptor(name), &facts) == 0 else { throw failure("cannot examine", name) }
        return Int(facts.st_size)
    }

    func read(_ name: String, at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LogDiskError) -> Int {
        let descriptor = try descriptor(name)
        var done = 0
        while done < buffer.count {
            let got = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure("cannot read", name) }
            if got == 0 { break }
            done += got
        }
        return done
    }

    func write(_ name: String, at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(LogDiskError) {
        let descriptor = try descriptor(name)
        var done = 0
        while done < bytes.count {
            let put = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if put < 0, errno == EINTR { continue }
            guard put > 0 else { throw failure("cannot write", name) }
            done += put
        }
    }

    func sync(_ name: String) throws(LogDiskError) {
        guard fdatasync(try descriptor(name)) == 0 else { throw failure("cannot sync", name) }
    }

    func syncFolder() throws(LogDiskError) {
        let folder = openFile(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw failure("cannot open", "") }
        defer { closeFile(folder) }
        guard fsync(folder) == 0 else { throw failure("cannot sync", "") }
    }

    func truncate(_ name: String, to size: Int) throws(LogDiskError) {
        guard ftruncate(try descriptor(name), off_t(size)) == 0 else { throw failure("cannot cut", name) }
    }

    func remove(_ name: String) throws(LogDiskError) {
        precondition(!isReadOnly)
        close(name)
        guard unlink(full(name)) == 0 else { throw failure("cannot remove", name) }
    }

    func rename(_ name: String, to new: String) throws(LogDiskError) {
        precondition(!isReadOnly)
        close(name)
        close(new)
        guard renameFile(full(name), full(new)) == 0 else { throw failure("cannot rename", name) }
    }

    func close(_ name: String) {
        if let descriptor = open.removeValue(forKey: name) { closeFile(descriptor) }
    }

    /// Bytes that this process may still write to the file system; nil when it cannot be told.
    var freeBytes: Int? {
        var facts = statvfs()
        guard statvfs(path, &facts) == 0 else { return nil }
        return Int(clamping: UInt64(facts.f_bavail) &* UInt64(facts.f_frsize))
    }

    private func descriptor(_ name: String) throws(LogDiskError) -> Int32 {
        if let known = open[name] { return known }
        let made = openFile(full(name), (isReadOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC)
        guard made >= 0 else { throw failure("cannot open", name) }
        open[name] = made
        return made
    }

    private func full(_ name: String) -> String { path + "/" + name }

    private func failure(_ operation: String, _ name: String) -> LogDiskError {
        let number = errno
        return LogDiskError(
            operation: operation, file: name.isEmpty ? path : full(name), reason: SystemError.text(number),
            isNoSpace: number == ENOSPC || number == EDQUOT)
    }
}
