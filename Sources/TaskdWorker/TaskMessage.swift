// A task as a message: Celery's message protocol, version 2, with JSON bodies.
// Headers say which task and how to run it; the body is `[args, kwargs, embed]`.
// Next: CallArguments.swift (reading args), TaskApp.swift (sending), TaskWorker.swift (running).

import Foundation
import TaskdClient

/// One task message.
struct TaskMessage: Sendable {
    var id: String
    var name: String
    var rootID: String
    var parentID: String?
    var group: String?
    var retries = 0
    /// Seconds since 1970: not before.
    var eta: Double?
    /// Seconds since 1970: not after.
    var expires: Double?
    var ignoresResult = false
    var argumentsText = ""
    var keywordsText = "{}"
    /// `[args, kwargs, embed]`, JSON.
    var body: Data
    var replyTo: String?
    var priority: UInt8 = 0

    /// A new task.
    init(id: String, name: String, body: Data) {
        self.id = id
        self.name = name
        rootID = id
        self.body = body
    }

    /// Reads a delivery.
    /// - Throws: `TaskError.malformed` when it is no task of protocol 2 in JSON.
    init(_ properties: BasicProperties, _ body: [UInt8]) throws(TaskError) {
        guard let headers = properties.headers, let name = headers["task"]?.text, let id = headers["id"]?.text else {
            throw .malformed("no task and id in the headers: message protocol 1 is not supported")
        }
        let contentType = properties.contentType.map { String(decoding: $0, as: UTF8.self) }
        guard contentType == "application/json" else {
            throw .malformed("content type \(contentType ?? "none") is not application/json")
        }
        self.id = id
        self.name = name
        rootID = headers["root_id"]?.text ?? id
        parentID = headers["parent_id"]?.text
        group = headers["group"]?.text
        retries = Int(headers["retries"]?.integer ?? 0)
        ignoresResult = headers["ignore_result"]?.boolean ?? false
        argumentsText = headers["argsrepr"]?.text ?? ""
        keywordsText = headers["kwargsrepr"]?.text ?? "{}"
        eta = try Self.time(headers["eta"])
        expires = try Self.time(headers["expires"])
        replyTo = properties.replyTo.map { String(decoding: $0, as: UTF8.self) }
        priority = properties.priority ?? 0
        self.body = Data(body)
    }

    private static func time(_ value: FieldValue?) throws(TaskError) -> Double? {
        guard let value, value != .void else { return nil }
        guard let text = value.text, let seconds = ISO8601.parse(text) else {
            throw .malformed("\(value) is no point in time")
        }
        return seconds
    }

    /// As a message goes out.
    var properties: BasicProperties {
        func text(_ value: String?) -> FieldValue { value.map { .string($0) } ?? .void }
        var properties = BasicProperties.persistent
        properties.contentType = Array("application/json".utf8)
        properties.contentEncoding = Array("utf-8".utf8)
        properties.correlationID = Array(id.utf8)
        properties.replyTo = replyTo.map { Array($0.utf8) }
        properties.priority = priority
        properties.headers = [
            "lang": "py", "task": .string(name), "id": .string(id), "shadow": .void,
            "eta": text(eta.map(ISO8601.format)), "expires": text(expires.map(ISO8601.format)),
            "group": text(group), "group_index": .void, "retries": .int32(Int32(clamping: retries)),
            "timelimit": .array([.void, .void]), "root_id": .string(rootID), "parent_id": text(parentID),
            "argsrepr": .string(argumentsText), "kwargsrepr": .string(keywordsText),
            "origin": .string(Self.origin), "ignore_result": .boolean(ignoresResult),
        ]
        return properties
    }

    /// Process and host, as Celery shows senders.
    static let origin = "\(ProcessInfo.processInfo.processIdentifier)@\(ProcessInfo.processInfo.hostName)"

    static func newID() -> String { UUID().uuidString.lowercased() }
}

/// What follows a task: the third part of the body.
struct Embed: Codable, Sendable, Equatable {
    var callbacks: [Signature]?
    var errbacks: [Signature]?
    /// The tasks to run after this one, the next one last.
    var chain: [Signature]?
    var chord: JSONValue?

    /// Written out with its nulls, as Celery does.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(callbacks, forKey: .callbacks)
        try container.encode(errbacks, forKey: .errbacks)
        try container.encode(chain, forKey: .chain)
        try container.encode(chord, forKey: .chord)
    }
}

/// A task that is to be sent later, with its arguments so far.
struct Signature: Codable, Sendable, Equatable {
    var task: String
    var args: [JSONValue]
    var kwargs: [String: JSONValue]
    var options: [String: JSONValue]
    /// Takes no result of the task before it.
    var immutable: Bool
    var rest: [String: JSONValue] = [:]

    private static let known: Set<String> = ["task", "args", "kwargs", "options", "immutable"]

    init(from decoder: any Decoder) throws {
        var fields = try [String: JSONValue](from: decoder)
        guard let task = fields["task"]?.string else { throw TaskError.malformed("a signature without a task") }
        self.task = task
        args = fields["args"]?.array ?? []
        kwargs = fields["kwargs"]?.object ?? [:]
        options = fields["options"]?.object ?? [:]
        immutable = fields["immutable"] == .bool(true)
        for key in Self.known { fields[key] = nil }
        rest = fields
    }

    func encode(to encoder: any Encoder) throws {
        var fields = rest
        fields["task"] = .string(task)
        fields["args"] = .array(args)
        fields["kwargs"] = .object(kwargs)
        fields["options"] = .object(options)
        fields["immutable"] = .bool(immutable)
        try fields.encode(to: encoder)
    }
}
