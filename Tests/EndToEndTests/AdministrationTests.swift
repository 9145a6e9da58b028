// What an operator says and sees through AMQP: policies, limits, the firehose, events, log lines, row by row beside what
// RabbitMQ does. The program starts a daemon of its own: see Clients/administration.py.

import Testing

struct AdministrationTests {
    @Test(.timeLimit(.minutes(5)))
    func table() async throws {
        try await Slots.shared.run {
            print(try await PythonClient(program: "administration.py", seconds: 180).runAlone("table"))
        }
    }
}
