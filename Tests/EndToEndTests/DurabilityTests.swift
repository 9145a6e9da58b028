// What is durable, shown on the real daemon: killed at random moments, on disks that fill up, on disks that fail.
// The programs start and kill daemons themselves: see Clients/crash.py and Clients/disk.py. `make crash` is the long
// form of the first; power failures, where unsynced bytes are lost too, are simulated in SimulationTests.

import Testing

struct DurabilityTests {
    /// Goal: nothing that was answered is lost by SIGKILL. Method: clients under load write down what they are told;
    /// ten kills, each compared after the next start. The seed is printed; TEST_SEED replays the choices.
    @Test(.timeLimit(.minutes(20)))
    func killsUnderLoad() async throws {
        try await Slots.shared.run {
            let client = PythonClient(
                program: "crash.py", seconds: 180, variables: ["CRASH_KILLS": "10", "CRASH_SECONDS": "40"])
            print(try await client.runAlone("kills", "kills-after-answers"))
        }
    }

    @Test(
        .timeLimit(.minutes(20)),
        arguments: ["low", "full", "full-while-backlogs-leave-memory", "failing-sync-exit", "failing-sync-read-only"])
    func disk(_ scenario: String) async throws {
        try await Slots.shared.run {
            // With words on what was skipped, where this user may not mount.
            print(try await PythonClient(program: "disk.py", seconds: 240).runAlone(scenario))
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func clientsDuringRecovery() async throws {
        try await Slots.shared.run {
            print(try await PythonClient(program: "recovery.py", seconds: 180).runAlone("early-clients"))
        }
    }
}
