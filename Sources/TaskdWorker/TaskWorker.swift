// Takes task messages from a queue, runs them, stores their results, acknowledges.
// Next: TaskRun.swift (one message's way), TaskDefinition.swift.

import Foundation
import Logging
import NIOConcurrencyHelpers
import TaskdClient

/// Settings of a worker.
public struct TaskWorkerConfiguration: Sendable {
    /// Queues to take tasks from; empty means the application's.
    public var queues: [String] = []
    /// Tasks that run at the same time.
    public var concurrency = 8
    /// Tasks that are fetched ahead for each that may run.
    public var prefetchMultiplier = 4
    /// Acknowledge when the result is stored (a lost worker's tasks run again) rather than before running.
    public var acknowledgesLate = true
    /// Store the state STARTED, too.
    public var tracksStarted = false
    /// How long `stop` waits for running tasks before it gives them back to the queue.
    public var stopTimeout: Duration = .seconds(30)

    public init() {}
}

/// A worker.
///
/// ```swift
/// let worker = TaskWorker(app)
/// worker.task("tasks.add") { (x: Int, y: Int) in x + y }
/// try await worker.run()
/// ```
///
/// Register tasks before `run`. Chains and callbacks of Celery's canvas go on to their next task; a task
/// inside a chord is refused with a failure, since counting chords is not implemented.
public final class TaskWorker: Sendable {
    private struct State {
        var tasks: [String: TaskDefinition] = [:]
        var consumers: [AMQPDeliveries] = []
        var isStopping = false
        var hasStarted = false
    }

    let app: TaskApp
    public let configuration: TaskWorkerConfiguration
    let logger: Logger
    private let state = NIOLockedValueBox(State())
    let slots: Slots

    public init(
        _ app: TaskApp, configuration: TaskWorkerConfiguration = TaskWorkerConfiguration(),
        logger: Logger = Logger(label: "taskd.worker")
    ) {
        self.app = app
        self.configuration = configuration
        self.logger = logger
        slots = Slots(configuration.concurrency)
    }

    // MARK: Tasks

    /// Registers a task.
    /// - Parameters:
    ///   - name: what senders call it, `tasks.add`.
    ///   - parameters: names of the closure's parameters in order, for senders that pass keyword arguments.
    ///   - body: takes the arguments, returns the result. What it throws becomes the task's failure;
    ///     `TaskRetry` has it run again.
    public func task<each Argument: Decodable & Sendable, Result: Encodable & SendableMetatype>(
        _ name: String, parameters: [String] = [],
        _ body: @escaping @Sendable (repeat each Argument) async throws -> Result
    ) {
        register(TaskDefinition(name, parameters, body))
    }

    /// Registers a task without a result.
    public func task<each Argument: Decodable & Sendable>(
        _ name: String, parameters: [String] = [],
        _ body: @escaping @Sendable (repeat each Argument) async throws -> Void
    ) {
        register(
            TaskDefinition(name, parameters) { (arguments: repeat each Argument) -> JSONValue in
                try await body(repeat each arguments)
                return .null
            })
    }

    private func register(_ task: TaskDefinition) {
        state.withLockedValue { state in
            precondition(!state.hasStarted, "register tasks before run")
            precondition(state.tasks.updateValue(task, forKey: task.name) == nil, "\(task.name) is registered twice")
        }
    }

    func definition(of name: String) -> TaskDefinition? { state.withLockedValue { $0.tasks[name] } }

    var isStopping: Bool { state.withLockedValue { $0.isStopping } }

    // MARK: Life

    /// Runs tasks until `stop` is called, the calling task is cancelled, or the connection ends.
    /// - Throws: when the connection or a channel ends with an error.
    public func run() async throws {
        state.withLockedValue { $0.hasStarted = true }
        let queues = configuration.queues.isEmpty ? [app.configuration.queue] : configuration.queues
        let channel = try await app.connection.openChannel()
        let prefetch = Prefetch(channel, base: configuration.concurrency * configuration.prefetchMultiplier)
        try await prefetch.start()
        var consumers: [AMQPDeliveries] = []
        for queue in queues {
            try await channel.declareTaskQueue(queue)
            consumers.append(try await channel.consume(queue))
        }
        let started = consumers
        let wasStopped = state.withLockedValue { state in
            state.consumers = started
            return state.isStopping
        }
        logger.info(
            "worker takes tasks", metadata: ["queues": "\(queues)", "concurrency": "\(configuration.concurrency)"])
        if wasStopped { await cancelConsumers() }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for deliveries in started {
                    group.addTask { try await self.take(deliveries, prefetch) }
                }
                try await group.waitForAll()
            }
        } onCancel: {
            self.slots.refuse()
        }
        // Whatever was not acknowledged goes back to its queue.
        try await channel.close()
        logger.info("worker has stopped")
    }

    /// Runs each delivery in a task of its own; prefetch bounds their number, slots those that work.
    private func take(_ deliveries: AMQPDeliveries, _ prefetch: Prefetch) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // Ends with the consumer, then waits for what runs.
                try await withThrowingDiscardingTaskGroup { running in
                    for try await delivery in deliveries {
                        running.addTask { try await TaskRun(self, delivery, prefetch).perform() }
                    }
                }
            }
            group.addTask {
                // Polls, so that it also ends by cancellation; bounded by the time to stop.
                while !self.isStopping { try await Task.sleep(for: .milliseconds(100)) }
                try await Task.sleep(for: self.configuration.stopTimeout)
                throw CancellationError()
            }
            do {
                try await group.next()
            } catch is CancellationError {
                logger.warning("tasks were still running and are given back to their queue")
            }
            group.cancelAll()
        }
    }

    /// Takes no more tasks, lets the running ones finish (within `stopTimeout`), gives the waiting ones
    /// back to their queue. `run` returns when that is done.
    public func stop() async {
        state.withLockedValue { $0.isStopping = true }
        slots.refuse()
        await cancelConsumers()
    }

    private func cancelConsumers() async {
        for deliveries in state.withLockedValue({ $0.consumers }) { try? await deliveries.cancel() }
    }
}
