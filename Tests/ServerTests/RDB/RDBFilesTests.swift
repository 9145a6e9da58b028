import Testing

@testable import Server

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

struct RDBFilesTests {
    private func names(_ folder: TemporaryFolder) throws -> [String] {
        try FolderDisk(path: folder.path).list().sorted()
    }

    private func write(_ text: String, to target: FileTarget) {
        var text = text
        text.withUTF8 { target.write(UnsafeRawBufferPointer($0)) }
    }

    private func contents(_ path: String) throws -> String {
        let source = try FileSource(path: path)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: source.bytes + 10, alignment: 1)
        defer { buffer.deallocate() }
        let count = try source.read(into: buffer)
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    @Test func filesAreThereAsAWholeOrNot() throws {
        let folder = TemporaryFolder()
        let path = folder.path + "/dump.rdb"
        defer { unlink(path) }
        var target: FileTarget? = FileTarget(path: path)
        write("old", to: target!)
        #expect(try names(folder).count == 1 && names(folder) != ["dump.rdb"], "not under its name yet")
        #expect(target!.finish() == nil)
        #expect(try names(folder) == ["dump.rdb"])
        target = FileTarget(path: path)
        write("new", to: target!)
        target = nil
        #expect(try names(folder) == ["dump.rdb"] && contents(path) == "old", "given up")
        let other = FileTarget(path: path)
        write("new", to: other)
        #expect(other.finish() == nil)
        #expect(try names(folder) == ["dump.rdb"] && contents(path) == "new")
    }

    @Test func failuresAreTold() throws {
        let folder = TemporaryFolder()
        let target = FileTarget(path: folder.path + "/none/dump.rdb")
        write("text", to: target)
        #expect(target.failure?.hasPrefix("cannot create \(folder.path)/none/dump.rdb.") ?? false)
        #expect(target.finish() == target.failure)
        // A folder has the name.
        mkdir(folder.path + "/taken", 0o700)
        defer { rmdir(folder.path + "/taken") }
        let taken = FileTarget(path: folder.path + "/taken")
        #expect(taken.finish()?.hasPrefix("cannot rename ") ?? false)
        #expect(try names(folder) == ["taken"])
        #expect(throws: (any Error).self) { try FileSource(path: folder.path) }
        #expect(throws: (any Error).self) { try FileSource(path: folder.path + "/none") }
    }
}
