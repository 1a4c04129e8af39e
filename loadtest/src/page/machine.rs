//! The machine that a run was made on.

/// What is known of it, by name: processor, cores, memory, kernel, load, time.
#[must_use]
pub fn machine() -> Vec<(String, String)> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let processors = read("/proc/cpuinfo");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = after(&read("/proc/meminfo"), "MemTotal")
        .and_then(|total| total.split(' ').next()?.parse::<f64>().ok())
        .map(|kibibytes| format!("{:.1} GB", kibibytes * 1_024.0 / 1e9));
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let load = read("/proc/loadavg")
        .split(' ')
        .take(3)
        .collect::<Vec<_>>()
        .join(" ");
    let facts = [
        ("processor", after(&processors, "model name")),
        ("cores", Some(cores.to_string())),
        ("memory", memory),
        ("kernel", Some(kernel)),
        ("load before the run (1, 5, 15 minutes)", Some(load)),
        (
            "time",
            Some(chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string()),
        ),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.filter(|(_, value)| !value.is_empty()).collect()
}
