// Strings: get, set, count, append. Bits are in BitmapCommands.swift.
// Next: ../Keyspace/Keyspace+Strings.swift.

import Wire

extension RESPCommand {
    static var stringCommands: [RESPCommand] { [get] }

    /// `GET key` → bulk string, or null. O(1).
    static let get = RESPCommand(
        "GET", .exactly(2), [.readonly, .fast], keys: .first, group: .string, since: "1.0.0",
        summary: "Returns the string value of a key."
    ) { call throws(CommandError) in
        guard let entry = call.keys.lookup(call[1]) else { return call.reply.null() }
        if entry.kind == .longString { return call.replyLong(entry) }
        call.reply.bulk(try call.keys.bytes(of: entry))
    }
}

extension CommandCall {
    /// A long string, referred to and not copied.
    @inline(never)
    func replyLong(_ entry: KeyEntry) {
        let object = unsafeDowncast(entry.object, to: LongString.self)
        reply.bulk(object.slice, owner: object)
    }
}
