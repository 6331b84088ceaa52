"""What outlives every run: the evidence bucket, the table, the key that signs evidence, the topic that people hear from."""

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from relight.config import Config
from relight.model import Phase

COLD_AFTER = Duration.days(90)
ABANDONED_AFTER = Duration.days(7)  # an upload that never ended is invisible, and paid for
OLD_VERSIONS_KEPT = Duration.days(400)


def receipts_are_written_once(bucket: s3.IBucket) -> iam.PolicyStatement:
    """S3 itself refuses whoever would write over a receipt; the report, the plan and chain.json may be written again."""
    return iam.PolicyStatement(
        sid="ReceiptsAreWrittenOnce",
        effect=iam.Effect.DENY,
        principals=[iam.AnyPrincipal()],
        actions=["s3:PutObject"],
        resources=[bucket.arn_for_objects(f"*/??-{phase}.json") for phase in Phase],
        conditions={"Null": {"s3:if-none-match": "true"}},
    )


class EvidenceStack(Stack):
    """Everything here is retained when the stack is deleted: a recovery's proof must not go with its tool."""

    def __init__(self, scope: Construct, config: Config) -> None:
        super().__init__(
            scope, "evidence", stack_name=f"{config.name}-evidence", description="Relight: evidence of recoveries"
        )
        self.bucket = self._bucket()
        self.table = self._table()
        self.key = self._key(config.name)
        self.topic = self._topic("Topic", f"{config.name}-notices", config.notify)
        self.escalation = self._topic("Escalation", f"{config.name}-escalation", config.escalate)

    def _bucket(self) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Evidence",
            versioned=True,
            object_lock_enabled=True,  # a default retention can be set at any time; locking can only be enabled at birth
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.RETAIN,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="evidence-cools-down",
                    abort_incomplete_multipart_upload_after=ABANDONED_AFTER,
                    noncurrent_version_expiration=OLD_VERSIONS_KEPT,
                    transitions=[
                        s3.Transition(storage_class=s3.StorageClass.INFREQUENT_ACCESS, transition_after=COLD_AFTER)
                    ],
                )
            ],
        )
        bucket.add_to_resource_policy(receipts_are_written_once(bucket))
        return bucket

    def _table(self) -> dynamodb.Table:
        recovery = dynamodb.PointInTimeRecoverySpecification(point_in_time_recovery_enabled=True)
        return dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="sk", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="ttl",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=recovery,
            deletion_protection=True,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _key(self, name: str) -> kms.Key:
        return kms.Key(
            self,
            "SigningKey",
            alias=f"alias/{name}-evidence",
            description="Signs the head of each run's evidence chain",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _topic(self, title: str, name: str, addresses: tuple[str, ...]) -> sns.Topic:
        """Not encrypted at rest: e-mail leaves in the clear, no message holds a secret, and alarms cannot publish through
        AWS's own key."""
        topic = sns.Topic(self, title, topic_name=name, display_name="Relight", enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OwnAlarmsMayPublish",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        for address in addresses:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic
