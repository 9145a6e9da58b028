// What FUNCTION DUMP gives and FUNCTION RESTORE takes: the libraries' texts as Redis 7.0 writes them into a snapshot,
// with DUMP's footer. Texts are not compressed; compressed ones are read.
//
//     size  field, for each library
//     1     245
//     …     the text, a string as in values
//
// Loop thread only. Next: DumpPayload.swift (the footer), DumpWriter.swift, DumpReader.swift.

import Wire

enum FunctionPayload {
    static let library: UInt8 = 245
    /// Of a release candidate of Redis 7.0.
    private static let earlyLibrary: UInt8 = 246

    /// The texts of a payload.
    static func read(_ payload: ByteSlice) throws(CommandError) -> [ByteString] {
        let body: ByteSlice
        do { body = try DumpFooter.check(payload) } catch {
            throw .text("ERR DUMP payload version or checksum are wrong")
        }
        let reader = DumpReader(body)
        var codes: [ByteString] = []
        while reader.remaining > 0 {
            let type = (try? reader.byte()) ?? 0
            guard type != earlyLibrary else { throw .text("ERR Pre-GA function format not supported") }
            guard type == library else { throw .text("ERR given type is not a function") }
            do { codes.append(ByteString(try reader.string())) } catch {
                throw .text("ERR failed loading the given functions payload")
            }
        }
        return codes
    }
}
