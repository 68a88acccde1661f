//! The command line, as the contract has it.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Anlan 安澜: the system of a county emergency management bureau.
#[derive(Debug, Parser)]
#[command(
    name = "anlan",
    version,
    about = "安澜：区县应急管理一体化系统 · Emergency management for a county, one binary"
)]
pub struct Cli {
    /// Where things are kept.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Where things are kept.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// 数据目录 · Data folder
    #[arg(long, global = true, env = "ANLAN_DATA", default_value = "anlan-data", value_name = "DIR")]
    pub data: PathBuf,
    /// 数据名称（real 为实战）· World; `real` is the real one
    #[arg(long, global = true, env = "ANLAN_WORLD", default_value = "real", value_name = "NAME")]
    pub world: String,
    /// PostgreSQL 地址；不填则用内置 SQLite · PostgreSQL URL; embedded SQLite without it
    #[arg(long, global = true, env = "ANLAN_DATABASE", hide_env_values = true, value_name = "URL")]
    pub database: Option<String>,
    /// 主密钥文件（默认在数据目录旁）· Master key file (beside the data folder by default)
    #[arg(long, global = true, env = "ANLAN_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// 日志链头签名目录（默认在数据目录旁）· Folder of signed heads (beside the data folder by default)
    #[arg(long, global = true, env = "ANLAN_HEADS", value_name = "DIR")]
    pub heads: Option<PathBuf>,
    /// 中文或英文 · zh or en
    #[arg(long, global = true, env = "ANLAN_LANG", default_value = "zh", value_name = "LANG")]
    pub lang: String,
    /// 以 JSON 输出 · Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// 回放一场真实台风，叫应全区责任人 · Replays a real typhoon and calls a district's people
    Demo(DemoArgs),
    /// 启动服务 · The server
    Serve(Box<ServeArgs>),
    /// 用规则回放观测文件 · Judges a file of observations, headless, at full speed
    Replay(ReplayArgs),
    /// 解码报文，每条一行 JSON · Decodes messages, one JSON object a line
    Decode(DecodeArgs),
    /// 导入 · Import
    Import(ImportArgs),
    /// 导出 · Export
    Export(ExportArgs),
    /// 业务包 · Packs
    Pack {
        /// What to do with packs.
        #[command(subcommand)]
        verb: PackVerb,
    },
    /// 校验操作日志 · Verifies the journal
    Verify(VerifyArgs),
    /// 运行中备份 · Backs up while running
    Backup(BackupArgs),
    /// 从备份恢复 · Restores a backup
    Restore(RestoreArgs),
    /// 体检：时钟、磁盘、密钥、证书、通道 · Health of everything a night depends on
    Doctor(DoctorArgs),
    /// 本机测速 · Speed on this machine
    Bench(BenchArgs),
    /// 账号 · Accounts
    User {
        /// What to do with accounts.
        #[command(subcommand)]
        verb: UserVerb,
    },
}

/// `anlan demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// 故事目录（默认 saola）· Folder of the story; `saola` ships with the program
    #[arg(long, value_name = "DIR")]
    pub story: Option<PathBuf>,
    /// 端口 · Port
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// 监听地址 · Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDR")]
    pub listen: std::net::IpAddr,
    /// 回放时间与真实时间之比；0 为最快（--exit-when-done 时的默认）· World seconds per second; 0 is as fast as the work allows
    #[arg(long)]
    pub speed: Option<f64>,
    /// 从何时开始（RFC 3339）· Where to start (RFC 3339)
    #[arg(long, value_name = "RFC3339")]
    pub start: Option<String>,
    /// 结束后退出，最后一行输出 JSON 汇总 · Run to the end; the last line of stdout is JSON
    #[arg(long)]
    pub exit_when_done: bool,
    /// 接着上次中断处继续 · Go on where the last run was cut off
    #[arg(long)]
    pub resume: bool,
    /// 编造的全区台账规模（saola 默认 full，--exit-when-done 时默认 none）· Size of the invented register of the district
    #[arg(long, value_enum, value_name = "SIZE")]
    pub district: Option<crate::demo::district::Size>,
    /// TLS 证书（PEM），非本机地址必需 · TLS certificate (PEM), needed for other than this machine
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// TLS 私钥（PEM）· TLS key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
}

/// `anlan serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// 配置文件 · Configuration file (TOML)
    #[arg(long, env = "ANLAN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// 监听地址 · Address to listen on
    #[arg(long, env = "ANLAN_LISTEN", value_name = "ADDR:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    /// TLS 证书（PEM）· TLS certificate (PEM)
    #[arg(long, env = "ANLAN_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// TLS 私钥（PEM）· TLS key (PEM)
    #[arg(long, env = "ANLAN_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// 前面另有终止 TLS 的代理 · A proxy in front ends TLS
    #[arg(long, env = "ANLAN_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// 外部 MQTT 服务器 · MQTT broker to read from (mqtt://user:pass@host:port)
    #[arg(long, env = "ANLAN_MQTT_BROKER", hide_env_values = true, value_name = "URL")]
    pub mqtt_broker: Option<String>,
    /// 直接接入 MQTT 设备的监听地址 · Address at which MQTT devices connect directly
    #[arg(long, env = "ANLAN_MQTT_LISTEN", value_name = "ADDR:PORT")]
    pub mqtt_listen: Option<std::net::SocketAddr>,
    /// 本节点承担：web、ingest、worker（默认全部）· What this node does: web, ingest, worker (all by default)
    #[arg(long, env = "ANLAN_ROLE", value_delimiter = ',')]
    pub role: Vec<String>,
    /// 业务包目录（默认用内置的）· Folder of packs (the built-in ones by default)
    #[arg(long, env = "ANLAN_PACKS", value_name = "DIR")]
    pub packs: Option<PathBuf>,
    /// 叫应时自称，如 区三防办 · Who speaks in calls
    #[arg(long, env = "ANLAN_SPEAKER")]
    pub speaker: Option<String>,
    /// 答复链接的网址前缀 · Base URL of answer links
    #[arg(long, env = "ANLAN_LINK_BASE")]
    pub link_base: Option<String>,
    /// 本区区划代码 · Division code of the own district
    #[arg(long, env = "ANLAN_DISTRICT", value_name = "CODE")]
    pub district: Option<String>,
    /// 统一身份认证（OpenID Connect）的地址 · Issuer of the identity provider
    #[arg(long, env = "ANLAN_OIDC_ISSUER", value_name = "URL")]
    pub oidc_issuer: Option<String>,
    /// 在统一身份认证登记的 client_id · Our client_id there
    #[arg(long, env = "ANLAN_OIDC_CLIENT", value_name = "ID")]
    pub oidc_client: Option<String>,
    /// 存放 client_secret 的文件 · File with our client_secret
    #[arg(long, env = "ANLAN_OIDC_SECRET_FILE", value_name = "FILE")]
    pub oidc_secret_file: Option<PathBuf>,
}

/// `anlan replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// 站点文件 · Stations file
    #[arg(long, value_name = "CSV")]
    pub stations: PathBuf,
    /// 观测文件 · Observations file
    #[arg(long, value_name = "CSV")]
    pub observations: PathBuf,
    /// 规则文件 · Rules file
    #[arg(long, value_name = "TOML")]
    pub rules: PathBuf,
    /// 报告写到哪里 · Where the report goes
    #[arg(long, value_name = "JSON")]
    pub report: PathBuf,
}

/// `anlan decode`.
#[derive(Clone, Debug, Args)]
pub struct DecodeArgs {
    /// cap
    pub kind: String,
    /// 每行一条十六进制报文 · Each line is hex
    #[arg(long)]
    pub hex: bool,
    /// 每行一个 JSON · Each line is `{"id":…,"frame"|"hex"|"xml":…}`
    #[arg(long)]
    pub jsonl: bool,
    /// 文件，- 为标准输入 · File, or - for standard input
    #[arg(default_value = "-")]
    pub file: String,
}

/// `anlan import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// people, regions, organisations, shifts, places, geometry, stations，或业务包里的类别 · or a kind of a pack
    pub kind: String,
    /// xlsx、csv，geometry 为 GeoJSON；业务包的类别还可用 GeoJSON、Shapefile（zip）、KML/KMZ · xlsx, csv, or GeoJSON (geometry); of a kind of a pack also GeoJSON, shapefile (zip), KML or KMZ
    pub file: PathBuf,
    /// 只检查不写入 · Check only
    #[arg(long)]
    pub dry_run: bool,
    /// 坐标系：WGS-84、GCJ-02、BD-09（不写则按区划边界判断）· Datum of the positions (told by outlines otherwise)
    #[arg(long, value_name = "DATUM")]
    pub datum: Option<String>,
    /// 服务的配置文件（其中写有业务包目录）· Configuration file of the server, which names its folder of packs
    #[arg(long, env = "ANLAN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// 业务包目录（默认用内置的）· Folder of packs (the built-in ones by default)
    #[arg(long, env = "ANLAN_PACKS", value_name = "DIR")]
    pub packs: Option<PathBuf>,
}

/// `anlan export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// people，或业务包里的类别 · people, or a kind of a pack
    pub kind: String,
    /// xlsx、csv；业务包的类别还可用 geojson、kml、shp.zip · xlsx or csv; of a kind of a pack also geojson, kml, shp.zip
    pub file: PathBuf,
}

/// `anlan pack`.
#[derive(Debug, Subcommand)]
pub enum PackVerb {
    /// 装载并证明业务包 · Loads and proves packs
    Check {
        /// 目录，不填则为内置的 · Folder; the shipped packs without one
        dir: Option<PathBuf>,
    },
}

/// `anlan verify`.
#[derive(Clone, Debug, Args)]
pub struct VerifyArgs {
    /// 已签名的链头文件 · File of signed heads
    #[arg(long, value_name = "FILE")]
    pub head: Option<PathBuf>,
}

/// `anlan backup`.
#[derive(Clone, Debug, Args)]
pub struct BackupArgs {
    /// 写到哪个文件 · File it goes to
    pub to: PathBuf,
    /// 有变化就更新，至多每分钟一次 · Keep it fresh: again after every change, at most once a minute
    #[arg(long)]
    pub follow: bool,
    /// 覆盖已有的文件 · Write over a file that is there
    #[arg(long)]
    pub force: bool,
}

/// `anlan restore`.
#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// 备份文件 · The backup
    pub from: PathBuf,
}

/// `anlan doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// 服务的配置文件（其中写有证书）· Configuration file of the server, which names its certificate
    #[arg(long, env = "ANLAN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// TLS 证书（PEM）· TLS certificate (PEM)
    #[arg(long, env = "ANLAN_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
}

/// `anlan bench`.
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// rounds, open-desks, ingest, rules, register, all
    pub name: String,
    /// rounds：短信叫应的人数（默认 100000）· rounds: callees by message instead of 100,000
    #[arg(long)]
    pub callees: Option<usize>,
    /// ingest：读数条数（默认 1000000）· ingest: readings instead of 1,000,000
    #[arg(long)]
    pub readings: Option<usize>,
    /// register：台账条数（默认 100000）· register: records instead of 100,000
    #[arg(long)]
    pub records: Option<usize>,
}

/// `anlan user`.
#[derive(Debug, Subcommand)]
pub enum UserVerb {
    /// 新建账号，密码从标准输入读取 · Adds an account; the password is read from standard input
    Add {
        /// 登录名 · Log-in name
        login: String,
        /// 角色：duty_officer、duty_leader、director、street_officer、register_keeper、system_admin、security_admin、audit_admin、integrator · Role
        #[arg(long)]
        role: String,
        /// 责任区的区划代码，可写多次 · Division code of a duty area; may be given again
        #[arg(long)]
        region: Vec<String>,
        /// 姓名 · Display name
        #[arg(long, default_value = "")]
        name: String,
        /// 牌子 · What they act for
        #[arg(long)]
        hat: Option<String>,
    },
    /// 账号列表 · Lists accounts
    List,
    /// 停用 · Disables an account
    Disable {
        /// 登录名 · Log-in name
        login: String,
    },
    /// 重新生成首个管理员的一次性代码 · A new one-time code for the first administrator
    FirstCode,
    /// 新建设备凭据，只显示一次 · Adds a device credential; it is shown once
    Device {
        /// 设备编号 · Id
        id: String,
        /// 可为哪些站点上报（编号或 前缀*）· Stations it may report for (ids or prefix*)
        #[arg(long, required = true)]
        station: Vec<String>,
    },
}
