// Results in Redis as Celery keeps them: one JSON document for each task, set with an expiry and published
// under the key's name, so that those who wait need not ask again and again.
// Next: TaskResult.swift.

import Foundation
import NIOCore
import TaskdClient

/// Names of states, as they stand in results.
public struct TaskStatus: RawRepresentable, Equatable, Sendable, Codable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    public static let pending = TaskStatus(rawValue: "PENDING")
    public static let started = TaskStatus(rawValue: "STARTED")
    public static let retry = TaskStatus(rawValue: "RETRY")
    public static let success = TaskStatus(rawValue: "SUCCESS")
    public static let failure = TaskStatus(rawValue: "FAILURE")
    public static let revoked = TaskStatus(rawValue: "REVOKED")

    /// Nothing follows this state.
    public var isFinal: Bool { self == .success || self == .failure || self == .revoked }
}

/// Stores and fetches results.
struct ResultBackend: Sendable {
    let redis: RedisClient
    let expiresAfterSeconds: Int

    static func key(_ id: String) -> String { "celery-task-meta-\(id)" }

    /// Stores a state.
    /// - Parameter result: JSON; for failures, Celery's description of an exception.
    func store(_ message: TaskMessage, _ status: TaskStatus, result: Data, traceback: String? = nil) async throws {
        func quoted(_ text: String) throws -> String { String(decoding: try JSONEncoder().encode(text), as: UTF8.self) }
        var document = #"{"status": "\#(status.rawValue)", "result": "#
        document += String(decoding: result, as: UTF8.self)
        document += #", "traceback": "# + (try traceback.map(quoted) ?? "null") + #", "children": [], "date_done": "#
        document += status.isFinal ? "\"\(ISO8601.format(Date().timeIntervalSince1970))\"" : "null"
        if let group = message.group { document += #", "group_id": "# + (try quoted(group)) }
        if let parent = message.parentID { document += #", "parent_id": "# + (try quoted(parent)) }
        document += #", "task_id": "# + (try quoted(message.id)) + "}"
        let key = RedisArgument(Self.key(message.id))
        let value = RedisArgument(document)
        let replies = try await redis.transaction([
            ["SETEX", key, RedisArgument(expiresAfterSeconds), value], ["PUBLISH", key, value],
        ])
        for case .error(let text) in replies { throw RedisError.server(String(decoding: text, as: UTF8.self)) }
    }

    /// Celery's description of an exception.
    static func exception(_ error: any Error) throws -> Data {
        let type: String
        var message: String
        switch error {
        case TaskError.arguments(let text): (type, message) = ("TypeError", text)
        case TaskError.unsupported(let text): (type, message) = ("NotImplementedError", text)
        case TaskError.revoked(let text): (type, message) = ("TaskRevokedError", text)
        default:
            type = "\(Swift.type(of: error))"
            message = "\(error)"
        }
        if message.isEmpty { message = type }
        let module = type == "TaskRevokedError" ? "celery.exceptions" : "builtins"
        return try JSONEncoder().encode([
            "exc_type": JSONValue.string(type), "exc_message": .array([.string(message)]),
            "exc_module": .string(module),
        ])
    }
}
