// The version of Redis that this store answers as, for clients that choose their commands by it.
// Next: ../Commands/ServerInfo.swift.

/// The announced version, in the forms in which it is asked for.
enum CompatibleVersion {
    static let redis: StaticString = "7.2.5"
    /// 0x00MMmmpp.
    static let number = 0x0007_0205
}

extension StaticString {
    /// The text for C: literals end with a zero byte.
    func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        body(UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self))
    }
}
