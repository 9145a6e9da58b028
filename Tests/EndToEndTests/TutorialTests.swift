// The main job: the public Celery tutorial, unmodified, with its own pins and with today's clients.

import Testing

struct TutorialTests {
    struct Variant: Sendable, CustomTestStringConvertible {
        let environment: PythonEnvironment
        let pool: String
        let broker: String

        var testDescription: String { "\(environment.rawValue) \(pool) \(broker)" }

        static let all = PythonEnvironment.allCases.flatMap { environment in
            ["solo", "prefork"].flatMap { pool in
                ["amqp", "redis"].map { Variant(environment: environment, pool: pool, broker: $0) }
            }
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: Variant.all)
    func tutorial(_ variant: Variant) async throws {
        try await withDaemon { daemon in
            try await PythonClient(program: "tutorial.py", environment: variant.environment)
                .run(variant.pool, variant.broker, against: daemon)
        }
    }

    /// On the default ports not even Celery's environment variables are needed; only where these ports are free.
    @Test(
        .enabled("port 5672 or 6379 is in use") { !accepts(5672) && !accepts(6379) }, .timeLimit(.minutes(20)))
    func tutorialOnDefaultPorts() async throws {
        try await withDaemon(ports: (amqp: 5672, resp: 6379)) { daemon in
            try await PythonClient(program: "tutorial.py", environment: .pinned).run("solo", "default", against: daemon)
        }
    }
}
