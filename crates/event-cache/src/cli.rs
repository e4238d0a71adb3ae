//! The command line: what one can ask, with examples. What is done lives in the modules named like the commands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Exit statuses, the same for every command, so that scripts can tell them apart.
pub(crate) mod exit {
    use std::process::ExitCode;

    /// What was asked for was done.
    pub(crate) const OK: ExitCode = ExitCode::SUCCESS;

    /// What was asked for failed.
    pub(crate) fn failed() -> ExitCode {
        ExitCode::from(1)
    }

    /// Nothing could be looked at: the same number as for a command line that makes no sense.
    pub(crate) fn could_not_look() -> ExitCode {
        ExitCode::from(2)
    }

    /// The service could not be reached.
    pub(crate) fn unreachable() -> ExitCode {
        ExitCode::from(3)
    }

    /// The configuration (or another input file) has mistakes; 78 is the number that sysexits.h gives to that.
    pub(crate) fn bad_config() -> ExitCode {
        ExitCode::from(78)
    }
}

const AFTER: &str = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 service not reachable, 78 mistakes in a file.";

/// Brings changes in AWS to Spinnaker's Clouddriver within seconds, within AWS's rate limits.
#[derive(Debug, Parser)]
#[command(name = "aws-event-cache", version, after_help = AFTER, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show two simulated worlds side by side: Clouddriver polling as stock, and driven by this service
    #[command(
        after_help = "Examples:\n  aws-event-cache demo\n  aws-event-cache demo --seconds 60 --seed 7\n  aws-event-cache demo --seconds 20 --json | tail -n 1"
    )]
    Demo(DemoArgs),
    /// Run the service
    #[command(
        after_help = "Examples:\n  aws-event-cache serve --config /etc/aws-event-cache/config.yaml\n\nSignals: SIGHUP reads the file again, SIGTERM and SIGINT end the service and let every agent go."
    )]
    Serve(ConfigArgs),
    /// Check a configuration file and print what follows from it for each account, region and kind
    #[command(
        after_help = "Examples:\n  aws-event-cache check-config --config config.yaml\n  aws-event-cache check-config --config config.yaml --json\n  aws-event-cache check-config --config config.yaml --account 123456789012 --kind 'auto scaling group'"
    )]
    CheckConfig(CheckConfigArgs),
    /// Show how the service is doing: streams, cadence, backlog, problems
    #[command(
        after_help = "Examples:\n  aws-event-cache status\n  aws-event-cache status --server http://aws-event-cache.spinnaker:8080 --scopes\n  aws-event-cache status --json | jq .problems"
    )]
    Status(StatusArgs),
    /// Show what the answer arm saved: requests, calls made to AWS and calls avoided
    #[command(
        after_help = "Examples:\n  aws-event-cache savings\n  aws-event-cache savings --account prod --by-region\n  aws-event-cache savings --json | jq .total"
    )]
    Savings(SavingsArgs),
    /// Make, show and renew the certificate authority by which the proxy ends TLS
    #[command(
        after_help = "Examples:\n  aws-event-cache ca init --config config.yaml\n  aws-event-cache ca show --folder /var/lib/aws-event-cache/ca\n  aws-event-cache ca rotate --config config.yaml            # then give ca.pem to every client\n  aws-event-cache ca rotate --config config.yaml --switch   # then restart the service"
    )]
    Ca(CaArgs),
    /// Print what AWS needs so that it tells of changes: CloudFormation, Terraform or policies, for your accounts, regions and kinds
    #[command(
        after_help = "Examples:\n  aws-event-cache aws-setup cloudformation --config config.yaml --out aws/\n  aws-event-cache aws-setup terraform --config config.yaml --endpoint https://gate.example.com/webhooks/aws-event-cache --out aws/\n  aws-event-cache aws-setup policy --config config.yaml --only reader.json"
    )]
    AwsSetup(AwsSetupArgs),
    /// Estimate what the events cost at AWS in a month, and how many calls they save, with every price and assumption
    #[command(
        after_help = "Examples:\n  aws-event-cache cost --config config.yaml\n  aws-event-cache cost --config config.yaml --assume deployments=200 --price config-item=0.0027\n  aws-event-cache cost --config config.yaml --recorder create --json | jq .usd"
    )]
    Cost(CostArgs),
    /// Walk every hop from AWS to Clouddriver and say which is broken, how that is known, and what to do
    #[command(
        after_help = "Examples:\n  aws-event-cache doctor\n  aws-event-cache doctor --config config.yaml --server http://aws-event-cache.spinnaker:8080\n  aws-event-cache doctor --json | jq -r '.brokenHops[]'\n\nExit status: 0 nothing is broken, 1 something is, 2 nothing could be looked at.\nAWS is looked at with the usual credentials (environment, profile, role), and left out without any."
    )]
    Doctor(DoctorArgs),
    /// Refresh what Clouddriver knows, now, and wait until it has it
    #[command(
        after_help = "Examples:\n  aws-event-cache refresh --account prod --region us-west-2\n  aws-event-cache refresh --account prod --kind security-groups --name sg-0a1b2c3d\n  aws-event-cache refresh --kind subnets --no-wait"
    )]
    Refresh(RefreshArgs),
    /// Print the catalogue: every kind, what announces its changes and which agents read it
    #[command(
        after_help = "Examples:\n  aws-event-cache kinds\n  aws-event-cache kinds AWS::EC2::Subnet\n  aws-event-cache kinds --folder /etc/aws-event-cache/catalog --json"
    )]
    Kinds(KindsArgs),
    /// Decode recorded messages and print what would be done: the dry run
    #[command(
        after_help = "Examples:\n  aws-event-cache replay messages.jsonl\n  aws-event-cache replay --config config.yaml messages.jsonl\n  kubectl logs deploy/recorder | aws-event-cache replay -\n\nThe file holds one JSON document a line: SNS envelopes, bare EventBridge events, AWS Config messages or Auto Scaling notifications.\nSignatures are not checked and nothing is touched."
    )]
    Replay(ReplayArgs),
    /// Print a completion script for a shell
    #[command(
        after_help = "Examples:\n  aws-event-cache completion bash > /etc/bash_completion.d/aws-event-cache\n  aws-event-cache completion zsh > ~/.zfunc/_aws-event-cache"
    )]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// How long it runs, in seconds of your time
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(3..=3600))]
    pub(crate) seconds: u64,
    /// What the simulated account does is drawn from this number
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many times as fast as real the simulated time runs
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=120))]
    pub(crate) factor: u32,
    /// Print the result as one line of JSON at the end, and progress to standard error
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file
    #[arg(long, short, env = "AWS_EVENT_CACHE_CONFIG", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CheckConfigArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Only this account (Spinnaker's name or the AWS id)
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Only this region
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Only this kind
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the service is reached.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the service listens
    #[arg(long, env = "AWS_EVENT_CACHE_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub(crate) server: String,
    /// A file with the access token (never the token itself: command lines are visible to others)
    #[arg(long, env = "AWS_EVENT_CACHE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The configuration file of the service
    #[arg(
        long,
        short,
        env = "AWS_EVENT_CACHE_CONFIG",
        value_name = "FILE",
        default_value = "/etc/aws-event-cache/config.yaml"
    )]
    pub(crate) config: PathBuf,
    /// Where the service listens; without it, at `server.listen` of the configuration on this machine
    #[arg(long, env = "AWS_EVENT_CACHE_SERVER", value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A file with an access token of role read
    #[arg(long, env = "AWS_EVENT_CACHE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Publish no test message to the topics
    #[arg(long)]
    pub(crate) no_publish: bool,
    /// As JSON, whose form docs/doctor.md promises
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// One line for each account, region and kind
    #[arg(long)]
    pub(crate) scopes: bool,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SavingsArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Only this account (Spinnaker's name or the AWS id)
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// A line for each region, too
    #[arg(long)]
    pub(crate) by_region: bool,
    /// As JSON, everything
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CaArgs {
    #[command(subcommand)]
    pub(crate) command: CaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CaCommand {
    /// Make the certificate authority; the root's key is thrown away at once
    #[command(
        after_help = "Examples:\n  aws-event-cache ca init --config config.yaml\n  aws-event-cache ca init --folder ./ca --name event-cache.spinnaker.svc"
    )]
    Init(CaMakeArgs),
    /// Show it: fingerprint, end, names, and what each kind of client needs to trust it
    #[command(
        after_help = "Examples:\n  aws-event-cache ca show --config config.yaml\n  aws-event-cache ca show --folder ./ca --json"
    )]
    Show(CaShowArgs),
    /// Make a new root beside the one in use; with --switch, put it into use
    #[command(
        after_help = "Examples:\n  aws-event-cache ca rotate --config config.yaml            # then give ca.pem, which holds both roots, to every client\n  aws-event-cache ca rotate --config config.yaml --switch   # then restart the service"
    )]
    Rotate(CaRotateArgs),
}

/// Where the authority is.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct CaPlaceArgs {
    /// Its folder; without it, `answer.ca` of the configuration
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// The configuration file, whose names the certificates are to bear (`answer.names`, `answer.hosts.suffixes`)
    #[arg(long, short, env = "AWS_EVENT_CACHE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CaMakeArgs {
    #[command(flatten)]
    pub(crate) place: CaPlaceArgs,
    /// A name or address of the proxy itself, beside those of the configuration; may be given several times
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// A domain that counts as AWS's, beside those of the configuration; may be given several times
    #[arg(long = "suffix", value_name = "DOMAIN")]
    pub(crate) suffixes: Vec<String>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CaShowArgs {
    #[command(flatten)]
    pub(crate) place: CaPlaceArgs,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CaRotateArgs {
    #[command(flatten)]
    pub(crate) make: CaMakeArgs,
    /// The second step: every client trusts the new root by now, so use it
    #[arg(long)]
    pub(crate) switch: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AwsSetupArgs {
    #[command(subcommand)]
    pub(crate) command: AwsSetupCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AwsSetupCommand {
    /// A template for the hub, one for members (as a StackSet or stack by stack), and the commands that deploy them
    #[command(
        after_help = "Examples:\n  aws-event-cache aws-setup cloudformation --config config.yaml --out aws/\n  aws-event-cache aws-setup cloudformation --config config.yaml --only member.yaml > member.yaml"
    )]
    Cloudformation(AwsSetupFormArgs),
    /// Modules for hub and member, and a root that makes them in your accounts and regions
    #[command(
        after_help = "Examples:\n  aws-event-cache aws-setup terraform --config config.yaml --out aws/\n  aws-event-cache aws-setup terraform --config config.yaml --recorder create --organization o-a1b2c3d4e5 --out aws/"
    )]
    Terraform(AwsSetupFormArgs),
    /// The policies alone: of the service's own role, of topic, queues, bus and key, and of whoever runs `doctor`
    #[command(
        after_help = "Examples:\n  aws-event-cache aws-setup policy --config config.yaml\n  aws-event-cache aws-setup policy --config config.yaml --only reader.json"
    )]
    Policy(AwsSetupFormArgs),
}

#[derive(Debug, Args)]
pub(crate) struct AwsSetupFormArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// Write files into this folder instead of printing them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Only this file, such as member.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) only: Option<String>,
    /// The HTTPS address that SNS is to deliver to; without it `intake.sns.publicUrl` of the configuration, and without that nothing is subscribed yet
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Let every account of this organization send, beside those of the configuration
    #[arg(long, value_name = "ID")]
    pub(crate) organization: Option<String>,
    /// AWS Config: forward the items of the recorder that there is, make one, or do without
    #[arg(long, value_enum, default_value = "existing")]
    pub(crate) recorder: RecorderArg,
    /// Which calls are forwarded
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) writes: WritesArg,
    /// Encryption of topic and queues: create (a KMS key), none (queues by SQS's own keys, the topic not), or the ARN of a KMS key
    #[arg(long, value_name = "KEY", default_value = "create")]
    pub(crate) key: String,
    /// Beginning of the names of everything that is made
    #[arg(long, default_value = "aws-event-cache")]
    pub(crate) prefix: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RecorderArg {
    /// The account records already
    Existing,
    /// A recorder and a delivery channel, for the types in use
    Create,
    /// Without AWS Config
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum WritesArg {
    /// Every write of the services in use but those that change nothing of ours: new APIs are heard of, too
    All,
    /// Only those that the catalogue lists by name
    Known,
}

#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    #[command(flatten)]
    pub(crate) file: ConfigArgs,
    /// AWS Config, as for aws-setup: items cost only where a recorder is made for us
    #[arg(long, value_enum, default_value = "existing")]
    pub(crate) recorder: RecorderArg,
    /// Encryption, as for aws-setup
    #[arg(long, value_name = "KEY", default_value = "create")]
    pub(crate) key: String,
    /// Another price, such as config-item=0.0027; may be given several times
    #[arg(long = "price", value_name = "NAME=DOLLARS")]
    pub(crate) prices: Vec<String>,
    /// Another assumption, such as deployments=200; may be given several times
    #[arg(long, value_name = "NAME=NUMBER")]
    pub(crate) assume: Vec<String>,
    /// As JSON, everything
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ClassArg {
    /// Before everything else
    Operator,
    /// As an event would be
    Event,
    /// When there is room
    Sweep,
}

#[derive(Debug, Args)]
pub(crate) struct RefreshArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Spinnaker account or AWS account id; all when absent
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Region; all when absent
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// Kind, in any spelling that `aws-event-cache kinds` lists; all when absent
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Name, id or ARN of one resource; all when absent
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// How urgent it is
    #[arg(long, value_enum, default_value = "operator")]
    pub(crate) class: ClassArg,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Give up waiting after this many seconds
    #[arg(long, default_value_t = 600)]
    pub(crate) timeout: u64,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KindsArgs {
    /// Only this kind, with everything known about it
    pub(crate) kind: Option<String>,
    /// A folder with kinds, agents and services of your own
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The recorded messages, one JSON document a line; `-` for standard input
    pub(crate) file: PathBuf,
    /// Take accounts, environments and the catalogue folder from this configuration; without it every account found in the messages is served
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// As JSON, one line a message
    #[arg(long)]
    pub(crate) json: bool,
}
