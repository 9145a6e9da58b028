// An RDB file on disk, read once from front to back.
// Starting thread. Next: ../../Engine/Store/Serialization/DumpWindow.swift (who reads).

import Engine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A regular file.
final class FileSource: DumpSource {
    private let file: Int32
    let bytes: Int

    init(path: String) throws(DumpSourceError) {
        file = openFile(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw DumpSourceError("cannot open it: \(SystemError.text(errno))") }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            closeFile(file)
            throw DumpSourceError("it is no regular file")
        }
        bytes = Int(facts.st_size)
        _ = posix_fadvise(file, 0, 0, POSIX_FADV_SEQUENTIAL)
    }

    deinit { closeFile(file) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(DumpSourceError) -> Int {
        var done = 0
        while done < buffer.count {
            let got = readFile(file, buffer.baseAddress! + done, buffer.count - done)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw DumpSourceError("cannot read it: \(SystemError.text(errno))") }
            if got == 0 { break }
            done += got
        }
        return done
    }
}
