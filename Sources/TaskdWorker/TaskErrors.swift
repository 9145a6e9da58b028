// What goes wrong with tasks, on the side that sends them and on the side that runs them.
// Next: TaskWorker.swift, TaskResult.swift.

/// Errors of the task library.
public enum TaskError: Error, Equatable, Sendable {
    /// The task ended with an error on its worker: the error's type and its texts.
    case failed(type: String, message: String)
    /// The task was revoked, or expired before it ran.
    case revoked(String)
    /// No result in time. The task may still run.
    case timeout
    /// The application has no result backend.
    case noBackend
    /// A message or a result that is not what Celery's protocol says.
    case malformed(String)
    /// Arguments that do not fit the task's parameters.
    case arguments(String)
    /// Something of Celery's that this worker does not do.
    case unsupported(String)
}

/// Thrown by a task that wants to run again later. Counts as a failure when `limit` retries have been made.
public struct TaskRetry: Error, Sendable {
    public var delay: Duration
    public var limit: Int

    public init(in delay: Duration = .seconds(180), limit: Int = 3) {
        self.delay = delay
        self.limit = limit
    }
}
