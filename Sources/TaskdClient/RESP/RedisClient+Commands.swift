// Commands with Swift types. Everything else goes by `send`.
// Next: RedisClient.swift.

import NIOCore

extension RedisClient {
    /// `GET`: nil when there is no such key.
    public func get(_ key: String) async throws -> [UInt8]? {
        let reply = try await send("GET", RedisArgument(key))
        if reply.isNull { return nil }
        guard let bytes = reply.bytes else { throw RedisError.unexpectedReply("\(reply)") }
        return bytes
    }

    /// `GET` as text.
    public func getString(_ key: String) async throws -> String? {
        try await get(key).map { String(decoding: $0, as: UTF8.self) }
    }

    /// `SET`, with an expiry if given (whole milliseconds).
    /// - Parameter onlyIfAbsent: set nothing when the key exists.
    /// - Returns: whether it was set.
    @discardableResult
    public func set(
        _ key: String, _ value: RedisArgument, expiresIn: TimeAmount? = nil, onlyIfAbsent: Bool = false
    ) async throws -> Bool {
        var command: [RedisArgument] = ["SET", RedisArgument(key), value]
        if let expiresIn { command += ["PX", RedisArgument(expiresIn.nanoseconds / 1_000_000)] }
        if onlyIfAbsent { command.append("NX") }
        return try await !send(command).isNull
    }

    /// `DEL`: how many of the keys existed.
    @discardableResult
    public func delete(_ keys: String...) async throws -> Int {
        try await integer(send(["DEL"] + keys.map { RedisArgument($0) }))
    }

    /// `PEXPIRE`: whether the key exists.
    @discardableResult
    public func expire(_ key: String, in time: TimeAmount) async throws -> Bool {
        try await integer(send("PEXPIRE", RedisArgument(key), RedisArgument(time.nanoseconds / 1_000_000))) == 1
    }

    /// `PTTL`: nil when the key does not exist or does not expire.
    public func timeToLive(_ key: String) async throws -> TimeAmount? {
        let milliseconds = try await integer(send("PTTL", RedisArgument(key)))
        return milliseconds < 0 ? nil : .milliseconds(Int64(milliseconds))
    }

    /// `EXISTS` of one key.
    public func exists(_ key: String) async throws -> Bool {
        try await integer(send("EXISTS", RedisArgument(key))) == 1
    }

    /// `INCRBY`: the value after it.
    @discardableResult
    public func increment(_ key: String, by amount: Int = 1) async throws -> Int {
        try await integer(send("INCRBY", RedisArgument(key), RedisArgument(amount)))
    }

    /// `PUBLISH`: how many subscribers got it.
    @discardableResult
    public func publish(_ message: RedisArgument, to channel: String) async throws -> Int {
        try await integer(send("PUBLISH", RedisArgument(channel), message))
    }

    /// `PING`.
    public func ping() async throws { try await send("PING") }

    private func integer(_ reply: RESPReply) throws -> Int {
        guard let value = reply.integer else { throw RedisError.unexpectedReply("\(reply)") }
        return Int(value)
    }
}
