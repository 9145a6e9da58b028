// Fuzzed input on the wire, short form: `make fuzz` is the long one for the decoders.
// The seed of a run is printed with a failure; TEST_SEED replays it.

import Testing

struct HostileInputTests {
    @Test(.timeLimit(.minutes(20)), arguments: ["amqp", "resp", "held-open"])
    func hostileInput(_ scenario: String) async throws {
        try await withDaemon { daemon in
            try await PythonClient(program: "hostile_input.py", variables: ["TEST_ROUNDS": "250"])
                .run(scenario, against: daemon)
        }
    }
}
