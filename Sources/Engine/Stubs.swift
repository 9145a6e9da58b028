extension Store {
    func beginCheckpoint(_ output: CheckpointOutput) {}
    func continueCheckpoint(_ budget: inout CheckpointBudget) -> Bool { true }
    func endCheckpoint() {}
    func checkpointEnded(success: Bool) {}
}
