// A registered task: its name and a way to run it from a message's body.
// Next: TaskWorker.swift.

import Foundation

/// What a running task may want to know about itself: `TaskContext.current`.
public struct TaskContext: Sendable {
    public let id: String
    public let name: String
    public let rootID: String
    /// How often it was retried.
    public let retries: Int

    /// Of the task that runs this code; nil outside of tasks.
    @TaskLocal public static var current: TaskContext?
}

/// A task with its types erased.
struct TaskDefinition: Sendable {
    let name: String
    /// Takes a body, returns the result as JSON.
    let run: @Sendable (Data) async throws -> Data

    init<each Argument: Decodable & Sendable, Result: Encodable & SendableMetatype>(
        _ name: String, _ parameterNames: [String],
        _ body: @escaping @Sendable (repeat each Argument) async throws -> Result
    ) {
        self.name = name
        run = { message in
            var reader = try CallReader(message, parameterNames: parameterNames)
            let arguments = (repeat try reader.next((each Argument).self))
            try reader.finish()
            return try JSONEncoder().encode(await body(repeat each arguments))
        }
    }
}
