// What comes from a Redis: its files (Clients/rdb_files.py, against a real redis-server) and its configuration
// (Clients/redis_config.py). The programs start their servers themselves.

import Testing

struct MigrationTests {
    @Test(
        .timeLimit(.minutes(20)), arguments: ["there-and-back", "all-or-nothing", "careful-import", "careful-export"])
    func rdbFiles(_ scenario: String) async throws {
        try await Slots.shared.run {
            print(try await PythonClient(program: "rdb_files.py", seconds: 240).runAlone(scenario))
        }
    }

    @Test(.timeLimit(.minutes(20)), arguments: ["what-it-sets", "what-it-cannot-follow", "debians"])
    func redisConfig(_ scenario: String) async throws {
        try await Slots.shared.run {
            print(try await PythonClient(program: "redis_config.py", seconds: 120).runAlone(scenario))
        }
    }
}
