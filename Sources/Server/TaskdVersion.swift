/// Version of the daemon, as `taskd --version` prints it.
public enum TaskdVersion {
    public static let current = "0.1.0"
}
