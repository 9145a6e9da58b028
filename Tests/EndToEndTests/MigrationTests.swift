// What comes from a Redis: its files, see Clients/rdb_files.py, which starts a real redis-server.

import Testing

struct MigrationTests {
    @Test(
        .timeLimit(.minutes(20)), arguments: ["there-and-back", "all-or-nothing", "careful-import", "careful-export"])
    func rdbFiles(_ scenario: String) async throws {
        try await Slots.shared.run {
            print(try await PythonClient(program: "rdb_files.py", seconds: 240).runAlone(scenario))
        }
    }
}
