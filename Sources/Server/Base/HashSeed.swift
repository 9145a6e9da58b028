// The seed of all hashes of this process: drawn once, before anything is hashed that is kept.
// Starting thread.

import Engine

public enum HashSeed {
    private static let planted: Void = {
        var random = SystemRandomNumberGenerator()
        ByteHash.seed = random.next()
    }()

    /// Not in tests, whose runs must repeat.
    public static func plant() { planted }
}
