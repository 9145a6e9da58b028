// MIGRATE: keys go to another server, as Redis does it, but without anybody else waiting for that.
// Loop thread only. Next: ../Clients/Migration.swift.

import Wire

extension RESPCommand {
    static let migrateCommands: [RESPCommand] = [migrate]

    /// `MIGRATE host port key|"" database timeout [COPY] [REPLACE] [AUTH password | AUTH2 user password] [KEYS key …]` →
    /// OK, NOKEY when none of the keys exists, or an error. The timeout is of every step, in milliseconds.
    static let migrate = RESPCommand(
        "MIGRATE", .atLeast(6), [.write, .movableKeys], keys: .migrated, group: .generic, since: "2.6.0",
        summary: "Moves keys to another server.", complexity: "O(N) in the elements of the values"
    ) { call throws(CommandError) in
        let options = try MigrateOptions(call)
        let timeout = try call.integer(5)
        let database = try call.integer(4)
        let present = options.keys.compactMap { position in
            call.keys.lookup(call[position]).map { (key: call[position], entry: $0) }
        }
        guard !present.isEmpty else { return call.reply.simple("NOKEY") }
        guard let beginExchange = call.store.context.beginExchange else {
            throw .text("IOERR error or timeout connecting to the client")
        }
        guard let wait = call.blockForAnswer() else {
            throw .text("ERR MIGRATE waits for another server, which it cannot do inside a transaction or a script")
        }
        var request = RequestWriter()
        if let password = options.password {
            request.add([ByteSlice("AUTH")] + (options.user.map { [$0] } ?? []) + [password])
        }
        DecimalText.with(database) { request.add([ByteSlice("SELECT"), $0]) }
        for (key, entry) in present {
            let left = entry.hasExpiry ? max(1, entry.expiry - call.now) : 0
            DumpWriter.payload(of: entry).withUnsafeBytes { payload in
                DecimalText.with(left) { left in
                    let words = [ByteSlice("RESTORE"), key, left, ByteSlice(payload)]
                    request.add(words + (options.replaces ? [ByteSlice("REPLACE")] : []))
                }
            }
        }
        let migration = Migration(
            call, wait, host: call[1].string, port: RESPNumber.integer(call[2]).flatMap { UInt16(exactly: $0) } ?? 0,
            timeoutMilliseconds: timeout > 0 ? min(timeout, Limits.migrationMillisecondsMax) : 1_000,
            request: request.bytes, keys: present.map(\.key), openingReplies: options.password == nil ? 1 : 2,
            keepsKeys: options.copies)
        beginExchange(migration)
    }
}

private struct MigrateOptions {
    var copies = false
    var replaces = false
    var user: ByteSlice?
    var password: ByteSlice?
    /// Where the keys stand.
    var keys = 3..<4

    init(_ call: CommandCall) throws(CommandError) {
        var index = 6
        while index < call.count {
            let left = call.count - index - 1
            if call.word(index, is: "copy") {
                copies = true
            } else if call.word(index, is: "replace") {
                replaces = true
            } else if call.word(index, is: "auth"), left >= 1 {
                password = call[index + 1]
                index += 1
            } else if call.word(index, is: "auth2"), left >= 2 {
                user = call[index + 1]
                password = call[index + 2]
                index += 2
            } else if call.word(index, is: "keys") {
                guard call[3].count == 0 else {
                    throw .text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string")
                }
                keys = index + 1..<call.count
                return
            } else {
                throw .syntax
            }
            index += 1
        }
    }
}

/// Requests, one after the other.
private struct RequestWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func line(_ type: UInt8, _ number: Int) {
        bytes.append(type)
        DecimalText.with(Int64(number)) { bytes.append(contentsOf: $0.buffer) }
        bytes += [13, 10]
    }

    mutating func add(_ words: [ByteSlice]) {
        line(UInt8(ascii: "*"), words.count)
        for word in words {
            line(UInt8(ascii: "$"), word.count)
            bytes.append(contentsOf: word.buffer)
            bytes += [13, 10]
        }
    }
}
