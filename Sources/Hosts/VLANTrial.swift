/// What tells whether a kernel makes VLANs (IEEE 802.1Q).
public enum VLANTrial {
    /// Lines for `ip -batch` that make one; for a network namespace that ends with the trial.
    public static let lines =
        "link add name infra0 type bridge\nlink add link infra0 name infra1 type vlan id 1\n"
}
