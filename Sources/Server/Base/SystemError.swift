// The system's words for an error number, and `close` under a name that methods called `close` do not hide.
// Any thread.

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Text of error numbers.
enum SystemError {
    static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}

/// close(2).
@discardableResult
func closeFile(_ descriptor: Int32) -> Int32 { close(descriptor) }

/// open(2), likewise.
func openFile(_ path: String, _ flags: Int32, _ mode: mode_t = 0) -> Int32 { open(path, flags, mode) }

/// read(2), likewise.
func readFile(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}

/// write(2), likewise.
func writeFile(_ descriptor: Int32, _ buffer: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, buffer, count)
}

/// rename(2), likewise.
func renameFile(_ old: String, _ new: String) -> Int32 { rename(old, new) }
