import TestServers
import Testing

@testable import TaskdClient

/// A connection for one test, and a key of its own.
private func withRedis(_ body: (RedisClient, String) async throws -> Void) async throws {
    let redis = try await RedisClient.connect(TestServers.shared!.redis)
    try await body(redis, "test-\(UInt64.random(in: 0 ... .max))")
    await redis.close()
}

/// Against the daemon, or the server that TASKD_TEST_REDIS names.
@Suite(.enabled(if: TestServers.areAvailable, "the daemon is not built"), .timeLimit(.minutes(5)))
struct RedisEndToEndTests {
    @Test func valuesComeBack() async throws {
        try await withRedis { redis, key in
            #expect(try await redis.get(key) == nil)
            #expect(try await redis.set(key, "value"))
            #expect(try await redis.getString(key) == "value")
            #expect(try await redis.set(key, "other", onlyIfAbsent: true) == false)
            #expect(try await redis.timeToLive(key) == nil)
            #expect(try await redis.expire(key, in: .seconds(100)))
            let left = try #require(try await redis.timeToLive(key))
            #expect(left > .seconds(95))
            #expect(try await redis.set(key, RedisArgument([0, 255, 13, 10]), expiresIn: .seconds(5)))
            #expect(try await redis.get(key) == [0, 255, 13, 10])
            #expect(try await redis.exists(key))
            #expect(try await redis.delete(key) == 1)
            #expect(try await redis.increment(key, by: 5) == 5)
            #expect(try await redis.delete(key, "\(key)-none") == 1)
            try await redis.ping()
        }
    }

    @Test func largeValuesComeBack() async throws {
        try await withRedis { redis, key in
            let value = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try await redis.set(key, RedisArgument(value))
            #expect(try await redis.get(key) == value)
            try await redis.delete(key)
        }
    }

    @Test func errorsAreThrown() async throws {
        try await withRedis { redis, key in
            try await redis.set(key, "text")
            await #expect(throws: RedisError.server("ERR value is not an integer or out of range")) {
                try await redis.increment(key)
            }
            await #expect(throws: RedisError.self) { try await redis.send("LPUSH", RedisArgument(key), "x") }
            #expect(try await redis.getString(key) == "text")
            try await redis.delete(key)
        }
    }

    @Test func concurrentCallersGetTheirOwnReplies() async throws {
        try await withRedis { redis, key in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<500 {
                    group.addTask {
                        let reply = try await redis.send("ECHO", RedisArgument(number))
                        #expect(reply.text == "\(number)")
                    }
                }
                try await group.waitForAll()
            }
            let replies = try await redis.pipeline((0..<100).map { ["INCRBY", RedisArgument(key), RedisArgument($0)] })
            #expect(replies.last?.integer == 4_950)
            let results = try await redis.transaction([["GET", RedisArgument(key)], ["DEL", RedisArgument(key)]])
            #expect(results.first?.text == "4950" && results.last?.integer == 1)
            await #expect(throws: RedisError.self) { try await redis.transaction([["NOSUCHCOMMAND"]]) }
            let map = try await redis.send("HELLO", 3)
            #expect(map.value("proto")?.integer == 3)
        }
    }

    @Test func subscribersGetMessages() async throws {
        try await withRedis { redis, key in
            let subscription = try await redis.subscribe(key, "\(key)-2")
            let pattern = try await redis.psubscribe("\(key)*")
            // The same connection goes on taking commands: RESP3.
            #expect(try await redis.publish("one", to: key) == 2)
            #expect(try await redis.publish("two", to: "\(key)-2") == 2)
            #expect(try await redis.publish("three", to: "\(key)-3") == 1)
            var texts: [String] = []
            for try await message in subscription {
                texts.append(message.text)
                if texts.count == 2 { break }
            }
            #expect(texts == ["one", "two"])
            texts = []
            for try await message in pattern {
                texts.append("\(message.channelName.dropFirst(key.count)) \(message.text)")
                if texts.count == 3 { break }
            }
            #expect(texts == [" one", "-2 two", "-3 three"])
            for _ in 0..<50 where try await redis.publish("nobody", to: key) > 0 {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await redis.publish("nobody", to: key) == 0)
        }
    }
}
