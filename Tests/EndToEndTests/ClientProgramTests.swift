// Real clients against the real daemon: one row for each client program, one test case for each of its scenarios.
// What a scenario expects stands in the program, Tests/EndToEndTests/Clients/PROGRAM.

import Foundation
import Testing

/// A client program, where it runs and which of its scenarios apply there.
struct ClientProgram: Sendable {
    let program: String
    var environment = PythonEnvironment.newest
    var variables: [String: String] = [:]
    var seconds = 120.0
    let scenarios: [String]

    static let celery = [
        "canvas", "results", "timing", "revoke", "control", "events", "beat", "acks-late", "purge", "routing",
        "rpc-results", "sequence",
    ]
    static let resp = [
        "strings", "expiry", "lists", "hashes", "sets", "sorted-sets", "keys", "transactions", "pipelines", "blocking",
        "publish-and-subscribe", "scripts", "functions", "locks", "server", "monitor", "streams", "users",
        "client-side-caching",
        "inline-and-raw",
    ]

    static let all: [ClientProgram] = [
        ClientProgram(program: "celery_features.py", variables: ["TEST_BROKER": "amqp"], scenarios: celery),
        // Over the store a message of a killed worker comes back after the visibility timeout of an hour.
        ClientProgram(
            program: "celery_features.py", variables: ["TEST_BROKER": "redis"],
            scenarios: celery.filter { $0 != "acks-late" }),
        ClientProgram(program: "native_delay.py", scenarios: ["native-delay"]),
        ClientProgram(
            program: "amqp_messages.py",
            scenarios: ["pika-many", "pika-sizes", "py-amqp-many", "py-amqp-sizes", "small-frames"]),
        ClientProgram(
            program: "amqp_behaviour.py", seconds: 60,
            scenarios: [
                "handshake", "old-header", "exchanges", "queues", "exclusive-queue-ends-with-its-connection",
                "deliveries",
                "queue-deleted-under-its-consumer", "returns-and-confirms", "properties", "time-to-live", "heartbeats",
                "redelivery-after-a-cut", "connection-errors",
            ]),
        ClientProgram(program: "amqp_protocol.py", seconds: 60, scenarios: ["table"]),
        ClientProgram(program: "resp_commands.py", environment: .pinned, seconds: 60, scenarios: resp),
        ClientProgram(program: "resp_commands.py", variables: ["TEST_PROTOCOL": "2"], seconds: 60, scenarios: resp),
        ClientProgram(program: "resp_commands.py", variables: ["TEST_PROTOCOL": "3"], seconds: 60, scenarios: resp),
        ClientProgram(program: "inspection.py", seconds: 60, scenarios: ["containers"]),
        ClientProgram(
            program: "resp_differential.py",
            variables: ["TEST_SEED": "3000", "TEST_SEEDS": "17", "TEST_ROUNDS": "1500"], seconds: 120,
            scenarios: ["resp2-replies-as-redis", "resp3-replies-as-redis"]),
        ClientProgram(
            program: "resp_users.py",
            variables: ["TEST_SEED": "3000", "TEST_SEEDS": "6", "TEST_ROUNDS": "1000"], seconds: 60,
            scenarios: ["users-as-redis"]),
        ClientProgram(
            program: "migrate.py", seconds: 60,
            scenarios: ["to-redis", "from-redis", "with-passwords", "errors-as-redis", "nobody-waits"]),
        ClientProgram(program: "rq_jobs.py", scenarios: ["jobs"]),
        ClientProgram(program: "flower_api.py", variables: ["TEST_BROKER": "amqp"], scenarios: ["flower"]),
        ClientProgram(program: "flower_api.py", variables: ["TEST_BROKER": "redis"], scenarios: ["flower"]),
    ]
}

/// One scenario of one row.
struct ClientScenario: Sendable, CustomTestStringConvertible {
    let row: ClientProgram
    let scenario: String

    var testDescription: String {
        let variables = row.variables.values.sorted().map { " \($0)" }.joined()
        return "\(row.program) \(scenario) (\(row.environment.rawValue)\(variables))"
    }

    /// Light scenarios of a program share one daemon; those that start workers get one each.
    static let heavy = ClientProgram.all.filter { $0.seconds > 60 }
        .flatMap { row in row.scenarios.map { ClientScenario(row: row, scenario: $0) } }
}

struct ClientProgramTests {
    @Test(.timeLimit(.minutes(20)), arguments: ClientScenario.heavy)
    func scenario(_ one: ClientScenario) async throws {
        try await withDaemon { daemon in
            try await PythonClient(
                program: one.row.program, environment: one.row.environment, seconds: one.row.seconds,
                variables: one.row.variables
            ).run(one.scenario, against: daemon)
        }
    }

    /// Goal: what a plain client sees of one protocol. Method: all scenarios on one daemon, so that each also runs
    /// on what the earlier ones have left behind; all failures are reported, not only the first.
    @Test(.timeLimit(.minutes(20)), arguments: ClientProgram.all.indices.filter { ClientProgram.all[$0].seconds <= 60 })
    func behaviour(_ index: Int) async throws {
        let row = ClientProgram.all[index]
        try await withDaemon { daemon in
            for scenario in row.scenarios where daemon.process.isRunning {
                try await PythonClient(
                    program: row.program, environment: row.environment, seconds: row.seconds, variables: row.variables
                ).run(scenario, against: daemon)
            }
        }
    }

    /// A scenario added to a program must not be forgotten in the table above.
    @Test(.timeLimit(.minutes(20)))
    func everyScenarioIsInTheTable() async throws {
        for program in Set(ClientProgram.all.map(\.program)) {
            let rows = ClientProgram.all.filter { $0.program == program }
            let has = try await PythonClient(program: program, environment: rows[0].environment).scenarios()
            #expect(Set(has) == Set(rows.flatMap(\.scenarios)), "\(program)")
        }
    }
}
