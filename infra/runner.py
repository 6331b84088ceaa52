"""Where a runner lives while it lives: network, rights, launch template, and the pinned artifacts it boots from."""

import hashlib
from pathlib import Path
from typing import NamedTuple, cast

from aws_cdk import AssetHashType, Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from infra import user_data
from infra.evidence import EvidenceStack
from infra.grants import RUNNER, statements
from infra.needs import Needs, needs
from infra.resources import Resources
from relight.config import Config
from relight.runnerconfig import Download, Images

# Resolved at launch: an AMI pinned at deploy time is deregistered long before a cold standby is needed.
UBUNTU = "/aws/service/canonical/ubuntu/server/24.04/stable/current/arm64/hvm/ebs-gp3/ami-id"
EGRESS = (
    (ec2.Port.tcp(443), "AWS, image registries"),
    (ec2.Port.tcp(53), "DNS"),
    (ec2.Port.udp(53), "DNS"),
)


class Artifact(NamedTuple):
    """A pinned file in the artifact bucket."""

    bucket: str
    key: str
    sha256: str


class RunnerStack(Stack):
    def __init__(self, scope: Construct, config: Config, evidence: EvidenceStack, agent: Path) -> None:
        super().__init__(scope, "runner", stack_name=f"{config.name}-runner", description="Relight: where a runner lives")
        self.vpc = self._vpc()
        self.security_group = self._security_group()
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=cast(iam.IPrincipal, iam.ServicePrincipal("ec2.amazonaws.com")),
            description="A Relight runner",
        )
        pinned = {"K3S": config.runner.k3s, "IMAGES": config.runner.images}
        artifacts = {name: self._published(one) for name, one in pinned.items() if one} | {"AGENT": self._agent(agent)}
        self.artifacts = tuple(f"arn:{Aws.PARTITION}:s3:::{one.bucket}/{one.key}" for one in artifacts.values())
        self._grant(config, evidence)
        self.launch_template = self._launch_template(config, self._boot(config, evidence, artifacts))

    @property
    def role_id(self) -> str:
        return cast(iam.CfnRole, self.role.node.default_child).attr_role_id

    @property
    def subnets(self) -> list[str]:
        return [subnet.subnet_id for subnet in self.vpc.public_subnets]

    def _vpc(self) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.86.0.0/24"),
            max_azs=3,
            nat_gateways=0,
            restrict_default_security_group=False,  # needs a function of its own; nothing uses the default group
            subnet_configuration=[ec2.SubnetConfiguration(name="runner", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26)],
        )
        vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        return vpc

    def _security_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, "NoInbound", vpc=self.vpc, allow_all_outbound=False, description="A Relight runner: nothing may connect in"
        )
        for port, why in EGRESS:
            group.add_egress_rule(ec2.Peer.any_ipv4(), port, why)
        return group

    def _published(self, pinned: Download | Images) -> Artifact:
        """Fetched and checked when the asset is published, so that synth needs no network."""
        command = ["python3", "-m", "infra.fetch", pinned.url, pinned.sha256]
        asset = self.synthesizer.add_file_asset(source_hash=pinned.sha256, executable=command)
        return Artifact(asset.bucket_name, asset.object_key, pinned.sha256)

    def _agent(self, bundle: Path) -> Artifact:
        digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
        asset = assets.Asset(self, "Agent", path=str(bundle), asset_hash=digest, asset_hash_type=AssetHashType.CUSTOM)
        return Artifact(asset.s3_bucket_name, asset.s3_object_key, digest)

    def _grant(self, config: Config, evidence: EvidenceStack) -> None:
        resources = Resources(
            config=config,
            table=evidence.table.table_arn,
            evidence=evidence.bucket.bucket_arn,
            artifacts=self.artifacts,
        )
        for statement in statements(RUNNER, resources):
            self.role.add_to_policy(statement)
        Needs(self, config, "runner", cast(iam.IRole, self.role), needs(RUNNER, resources))

    def _boot(self, config: Config, evidence: EvidenceStack, artifacts: dict[str, Artifact]) -> str:
        values = {
            "NAME": config.name,
            "REGION": Aws.REGION,
            "URL_SUFFIX": Aws.URL_SUFFIX,
            "HOLD": str(config.runner.hold),
            "TABLE": evidence.table.table_name,
            "ROLE_ID": self.role_id,
            "EVIDENCE_BUCKET": evidence.bucket.bucket_name,
        }
        for name, one in ({"IMAGES": Artifact("", "", "")} | artifacts).items():
            values |= {f"{name}_BUCKET": one.bucket, f"{name}_KEY": one.key, f"{name}_SHA256": one.sha256}
        return user_data.render(values)

    def _launch_template(self, config: Config, boot: str) -> ec2.LaunchTemplate:
        disk = ec2.BlockDeviceVolume.ebs(
            config.runner.disk_gib, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
        )
        return ec2.LaunchTemplate(
            self,
            "LaunchTemplate",
            machine_image=ec2.MachineImage.resolve_ssm_parameter_at_launch(UBUNTU),
            role=self.role,
            security_group=self.security_group,
            require_imdsv2=True,
            http_put_response_hop_limit=1,  # a pod cannot become the runner
            instance_metadata_tags=True,
            instance_initiated_shutdown_behavior=ec2.InstanceInitiatedShutdownBehavior.TERMINATE,
            block_devices=[ec2.BlockDevice(device_name="/dev/sda1", volume=disk)],
            user_data=ec2.UserData.custom(boot),
        )
